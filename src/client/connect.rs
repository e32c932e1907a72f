//! From an address to a connection on which requests can be sent.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connection as _, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::ServiceExt;
use tower::timeout::Timeout;

use super::error::Error;
use super::http1;

pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// How many streams of one HTTP/2 connection may be cancelled by us and not yet be forgotten.
///
/// h2's own limit is 1,024, and reaching it ends the connection with every other stream on it. Clients that leave are normal here.
const LOCAL_RESETS: usize = 1 << 20;

/// How much of one HTTP/2 stream may be on its way and not yet be read, in bytes: what a client that reads nothing costs.
const STREAM_WINDOW: u32 = 256 << 10;

/// The same for all streams of a connection together, which is no limit: each has its own.
///
/// h2 ends a connection on which too many small frames have not been read, to which every token of a stream is one. How many
/// that are goes by this window; with the usual one a single client that reads nothing would take all others along.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// How often an HTTP/2 connection with requests on it is asked whether anybody is there, and how long the answer may take. All
/// requests to a host share it: one that is dead without anybody knowing would take them all.
const PING: Duration = Duration::from_secs(20);

/// Opens connections: TCP, then TLS where the URL says so, both within a time.
#[derive(Clone)]
pub(super) struct Connector {
    sockets: Timeout<HttpsConnector<HttpConnector>>,
    is_http2_only: bool,
}

/// A new connection.
pub(super) enum Connected {
    Http1(http1::Connection),
    Http2(SendRequest<Full<Bytes>>),
}

impl Connector {
    pub(super) fn new(timeout: Duration, is_http2_only: bool) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(60)));
        // The crypto is named, since a host may have another one in its tree; what follows cannot fail with this one.
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .unwrap_or_else(|_| HttpsConnectorBuilder::new().with_webpki_roots());
        let https = tls.https_or_http().enable_all_versions().wrap_connector(http);
        Self { sockets: Timeout::new(https, timeout), is_http2_only }
    }

    /// What comes after the socket is large and over at once, and so in boxes: many may wait for their sockets at a time.
    pub(super) async fn connect(self, uri: Uri) -> Result<Connected, Error> {
        let stream = self.sockets.oneshot(uri).await.map_err(Error::connect)?;
        if !self.is_http2_only && !stream.connected().is_negotiated_h2() {
            return Ok(Connected::Http1(Box::pin(http1::Connection::new(stream)).await?));
        }
        Box::pin(http2(stream)).await
    }
}

async fn http2(stream: Stream) -> Result<Connected, Error> {
    let (sender, driver) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_local_error_reset_streams(LOCAL_RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .handshake(stream)
        .await
        .map_err(Error::connect)?;
    tokio::spawn(async move {
        // Each stream on it is told.
        let _over = driver.await;
    });
    Ok(Connected::Http2(sender))
}
