//! A ready-made HTTP client: hyper-util's connection pool over rustls.
//!
//! It is one choice among many: a [`TranslateLayer`](crate::TranslateLayer) wraps any service from
//! `Request<Full<Bytes>>` to a response. This one speaks HTTP/1.1 and HTTP/2 (chosen by ALPN), trusts Mozilla's roots,
//! sets `TCP_NODELAY`, follows no redirect, and gives up on a connection after a time. Small pieces of an answer that have come
//! already are handed on as one.
//!
//! ```
//! use std::time::Duration;
//! use tower_completions::client::Client;
//!
//! let client = Client::new();
//! let hasty = Client::builder().connect_timeout(Duration::from_secs(1)).build();
//! ```

mod incoming;
mod line;
#[cfg(test)]
mod tests;
mod watched;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, ResponseFuture as LegacyFuture};
use hyper_util::rt::{TokioIo, TokioTimer};
use tower::ServiceExt;
use tower::timeout::Timeout;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

pub use self::incoming::Incoming;
use self::line::Spawner;
use self::watched::{Answered, Watched};
use crate::connection::{FreshConnection, Unanswered};
use crate::error::{BoxError, chain};

type Connector = BoxCloneSyncService<Uri, TokioIo<Watched>, BoxError>;
type Pool = legacy::Client<Connector, Full<Bytes>>;

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

/// The client. A clone shares its connections.
///
/// A request with [`FreshConnection`] in its extensions gets a connection that nobody has used, and nobody will use again.
#[derive(Clone)]
pub struct Client {
    pools: Arc<Pools>,
}

/// In one allocation, since services are cloned for each request.
struct Pools {
    kept: Pool,
    /// Keeps nothing.
    fresh: Pool,
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
    http2_only: bool,
}

impl ClientBuilder {
    /// 5 seconds to connect; unused connections are kept for 60 seconds, as many as there are.
    pub fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            pool_idle_timeout: Duration::from_secs(60),
            pool_max_idle_per_host: usize::MAX,
            http2_only: false,
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

    /// HTTP/2 and nothing else, also where there is no TLS to agree on it: for servers of one's own that are known to speak it.
    #[must_use]
    pub fn http2_prior_knowledge(mut self) -> Self {
        self.http2_only = true;
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
        let is_shared = self.http2_only;
        let watched = https.map_response(move |stream| TokioIo::new(Watched::new(stream, is_shared)));
        BoxCloneSyncService::new(Timeout::new(watched, self.connect_timeout))
    }

    /// The client.
    pub fn build(self) -> Client {
        let connector = self.connector();
        let pool = |max_idle| {
            legacy::Client::builder(Spawner)
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .pool_idle_timeout(self.pool_idle_timeout)
                .pool_max_idle_per_host(max_idle)
                .http2_max_local_error_reset_streams(LOCAL_RESETS)
                .http2_initial_stream_window_size(STREAM_WINDOW)
                .http2_initial_connection_window_size(CONNECTION_WINDOW)
                .http2_only(self.http2_only)
                .build(connector.clone())
        };
        Client { pools: Arc::new(Pools { kept: pool(self.pool_max_idle_per_host), fresh: pool(0) }) }
    }
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Response<Incoming>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> ResponseFuture {
        let pool = match request.extensions().get::<FreshConnection>() {
            Some(_) => &self.pools.fresh,
            None => &self.pools.kept,
        };
        ResponseFuture { inner: pool.request(request) }
    }
}

/// The head of an answer, when it comes.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    inner: LegacyFuture,
}

impl Future for ResponseFuture {
    type Output = Result<Response<Incoming>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(Pin::new(&mut self.inner).poll(cx)).map(Incoming::wrap).map_err(Error::new))
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// A request that got no answer.
#[derive(Debug)]
pub struct Error(Kind);

#[derive(Debug)]
enum Kind {
    Connect(legacy::Error),
    Unanswered(Unanswered),
    Broken(legacy::Error),
}

impl Error {
    fn new(error: legacy::Error) -> Self {
        let is_answered = error.connect_info().is_none_or(Answered::of);
        Self(match error {
            error if error.is_connect() => Kind::Connect(error),
            error if is_answered && !is_unprocessed(&error) => Kind::Broken(error),
            error => Kind::Unanswered(Unanswered::new(error)),
        })
    }

    /// Whether there was no connection, so that the provider has seen nothing of the request.
    pub fn is_connect(&self) -> bool {
        matches!(self.0, Kind::Connect(_))
    }

    /// Whether the connection ended before a byte of the answer had come: [`Unanswered`] is this error's source then.
    ///
    /// A connection of HTTP/2 is shared by many requests: of one of these it is said if the server itself says that it has
    /// not looked at it.
    pub fn is_unanswered(&self) -> bool {
        matches!(self.0, Kind::Unanswered(_))
    }
}

/// Whether a server of HTTP/2 has told that it has not looked at the request: it refused its stream, or said goodbye in good
/// order before it. Streams that it had begun go on after a goodbye.
fn is_unprocessed(error: &(dyn std::error::Error + 'static)) -> bool {
    let told = chain(error).find_map(|error| error.downcast_ref::<h2::Error>());
    told.is_some_and(|told| match told.reason() {
        Some(h2::Reason::REFUSED_STREAM) => told.is_reset() && told.is_remote(),
        Some(h2::Reason::NO_ERROR) => told.is_go_away() && told.is_remote(),
        _ => false,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Connect(_) => "no connection to the provider",
            Kind::Unanswered(_) | Kind::Broken(_) => "the provider's connection failed",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Connect(error) | Kind::Broken(error) => Some(error),
            Kind::Unanswered(error) => Some(error),
        }
    }
}
