//! A ready-made HTTP client: hyper's connections over rustls, in a pool.
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

mod connect;
mod error;
mod host;
mod http1;
mod incoming;
mod lease;
mod line;
mod pool;
#[cfg(test)]
mod tests;
mod watched;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response};
use http_body_util::Full;
use tower_service::Service;

use self::connect::{Connected, Connector};
pub use self::error::Error;
use self::error::Failed;
pub use self::incoming::Incoming;
use self::lease::lease;
use self::pool::{Origin, Pool, without_userinfo};
use crate::connection::FreshConnection;

/// How many connections are tried that turn out to be closed before anything was sent.
const TRIES: usize = 3;

/// The client. A clone shares its connections.
///
/// A request with [`FreshConnection`] in its extensions gets a connection that nobody has used, and nobody will use again.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// In one allocation, since services are cloned for each request.
struct Shared {
    connector: Connector,
    pool: Arc<Pool>,
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

    /// The client.
    pub fn build(self) -> Client {
        let connector = Connector::new(self.connect_timeout, self.http2_only);
        let pool = Pool::new(self.pool_max_idle_per_host, self.pool_idle_timeout, self.http2_only);
        Client { shared: Arc::new(Shared { connector, pool }) }
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
        ResponseFuture { inner: Box::pin(exchange(Arc::clone(&self.shared), request)) }
    }
}

/// The head of an answer, when it comes.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    inner: Pin<Box<dyn Future<Output = Result<Response<Incoming>, Error>> + Send>>,
}

impl Future for ResponseFuture {
    type Output = Result<Response<Incoming>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

/// Sends a request and waits for its answer. A connection that turns out to be closed before anything was sent is no answer.
async fn exchange(client: Arc<Shared>, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Error> {
    let uri = without_userinfo(request.uri().clone())?;
    let (origin, path) = Origin::split(uri.clone())?;
    let host = client.pool.host(&origin)?;
    let is_fresh = request.extensions().get::<FreshConnection>().is_some();
    let names_host = request.headers().contains_key(HOST);
    let mut tries = TRIES;
    loop {
        // Most requests find a connection. What opens one is large, and has a box of its own.
        let kept = if is_fresh { None } else { host.take() };
        let connected = match kept {
            Some(connected) => connected,
            None if is_fresh => Box::pin(client.connector.clone().connect(uri.clone())).await?,
            None => Box::pin(lease(&host, &client.connector, &uri)).await?,
        };
        let failed = match connected {
            Connected::Http1(mut connection) => {
                *request.uri_mut() = path.clone().into();
                if !names_host {
                    request.headers_mut().insert(HOST, host.name.clone());
                }
                match connection.send(request).await {
                    Ok(answer) => return Ok(Incoming::http1(answer, connection, (!is_fresh).then_some(host))),
                    Err(failed) => failed,
                }
            }
            Connected::Http2(mut sender) => {
                *request.uri_mut() = uri.clone();
                if !names_host {
                    request.headers_mut().remove(HOST);
                }
                match Box::pin(sender.try_send_request(request)).await {
                    Ok(answer) => return Ok(Incoming::http2(answer)),
                    Err(failed) => Failed::new(failed, Error::http2),
                }
            }
        };
        tries -= 1;
        match failed {
            Failed { unsent: Some(unsent), .. } if tries > 0 => request = *unsent,
            Failed { error, .. } => return Err(error),
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
