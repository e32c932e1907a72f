//! A ready-made HTTP client: hyper-util's connection pool over rustls.
//!
//! It is one choice among many: a [`TranslateLayer`](crate::TranslateLayer) wraps any service from
//! `Request<Full<Bytes>>` to a response. This one speaks HTTP/1.1 and HTTP/2 (chosen by ALPN), trusts Mozilla's roots,
//! sets `TCP_NODELAY`, follows no redirect, and gives up on a connection after a time.
//!
//! ```
//! use std::time::Duration;
//! use tower_completions::client::Client;
//!
//! let client = Client::new();
//! let hasty = Client::builder().connect_timeout(Duration::from_secs(1)).build();
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, ResponseFuture as LegacyFuture};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::timeout::Timeout;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use crate::error::BoxError;

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Connector = BoxCloneSyncService<Uri, Stream, BoxError>;
type Pool = legacy::Client<Connector, Full<Bytes>>;

/// How many streams of one HTTP/2 connection may be cancelled by us and not yet be forgotten.
///
/// h2's own limit is 1,024, and reaching it ends the connection with every other stream on it. Clients that leave are normal here.
const LOCAL_RESETS: usize = 1 << 20;

/// The client. A clone shares its connections.
#[derive(Clone)]
pub struct Client {
    pool: Pool,
}

impl Client {
    /// A client with the settings of [`ClientBuilder::new`].
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A client with other settings.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Settings of a [`Client`].
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    connect_timeout: Duration,
    pool_idle_timeout: Duration,
    pool_max_idle_per_host: usize,
}

impl ClientBuilder {
    /// 5 seconds to connect; unused connections are kept for 60 seconds, as many as there are.
    pub fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            pool_idle_timeout: Duration::from_secs(60),
            pool_max_idle_per_host: usize::MAX,
        }
    }

    /// How long a connection may take, with the look-up of the name and the TLS handshake. Then it is 504 `timeout`.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an unused connection is kept.
    #[must_use]
    pub fn pool_idle_timeout(mut self, timeout: Duration) -> Self {
        self.pool_idle_timeout = timeout;
        self
    }

    /// How many unused connections are kept for each host.
    #[must_use]
    pub fn pool_max_idle_per_host(mut self, connections: usize) -> Self {
        self.pool_max_idle_per_host = connections;
        self
    }

    /// TCP, then TLS where the URL says so, both within the time.
    fn connector(&self) -> Connector {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(60)));
        // The crypto is named, since a host may have another one in its tree; what follows cannot fail with this one.
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .unwrap_or_else(|_| HttpsConnectorBuilder::new().with_webpki_roots());
        let https = tls.https_or_http().enable_all_versions().wrap_connector(http);
        BoxCloneSyncService::new(Timeout::new(https, self.connect_timeout))
    }

    fn pool(&self) -> legacy::Builder {
        let mut pool = legacy::Client::builder(TokioExecutor::new());
        pool.pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(self.pool_idle_timeout)
            .pool_max_idle_per_host(self.pool_max_idle_per_host)
            .http2_max_local_error_reset_streams(LOCAL_RESETS)
            .http2_adaptive_window(true);
        pool
    }

    /// The client.
    pub fn build(self) -> Client {
        Client { pool: self.pool().build(self.connector()) }
    }
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Response<hyper::body::Incoming>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> ResponseFuture {
        ResponseFuture { inner: self.pool.request(request) }
    }
}

/// The head of an answer, when it comes.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    inner: LegacyFuture,
}

impl Future for ResponseFuture {
    type Output = Result<Response<hyper::body::Incoming>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(Pin::new(&mut self.inner).poll(cx)).map_err(Error))
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// A request that got no answer.
#[derive(Debug)]
pub struct Error(legacy::Error);

impl Error {
    /// Whether there was no connection, so that the provider has seen nothing of the request.
    pub fn is_connect(&self) -> bool {
        self.0.is_connect()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_connect() {
            "no connection to the provider"
        } else {
            "the provider's connection failed"
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use http_body::{Body, Frame};
    use http_body_util::BodyExt;
    use hyper::service::service_fn;
    use hyper_util::server::conn::auto::Builder;
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;

    /// An answer that goes on until it is told to end.
    struct Long {
        begun: bool,
        told: Option<oneshot::Receiver<()>>,
    }

    impl Body for Long {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if !std::mem::replace(&mut self.begun, true) {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"begin")))));
            }
            match &mut self.told {
                Some(told) => Pin::new(told).poll(cx).map(|_| None),
                None => Poll::Pending,
            }
        }
    }

    /// HTTP/2 without TLS; only the first answer can be told to end.
    async fn endless(connections: Arc<AtomicUsize>, told: oneshot::Receiver<()>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Some(told)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let told = told.clone();
                let service = service_fn(move |_: Request<hyper::body::Incoming>| {
                    let told = told.lock().unwrap().take();
                    async { Ok::<_, Infallible>(Response::new(Long { begun: false, told })) }
                });
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let _gone = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        url
    }

    /// h2 ends a connection after 1,024 streams that were reset on its own side, and every other stream on it.
    #[tokio::test]
    async fn five_thousand_answers_that_are_left_take_no_other_with_them() {
        let (tell, told) = oneshot::channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let url = endless(connections.clone(), told).await;
        let builder = ClientBuilder::new();
        let pool: Pool = builder.pool().http2_only(true).build(builder.connector());
        let get = || pool.get(url.parse().unwrap());
        let survivor = get().await.unwrap();
        for _ in 0..5_000 {
            let left = get().await.unwrap();
            assert_eq!(left.status(), 200);
        }
        tell.send(()).unwrap();
        assert_eq!(survivor.into_body().collect().await.unwrap().to_bytes(), "begin");
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }
}
