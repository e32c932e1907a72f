//! Another stack for the requests to come, while those of the old one go on.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use http::Request;
use tower::util::Oneshot;
use tower::{Service, ServiceExt};

/// A stack that can be exchanged. Each request takes the one that is there when it comes, and keeps it to its end.
pub(crate) struct Exchange<S>(Arc<RwLock<S>>);

impl<S> Exchange<S> {
    pub(crate) fn new(stack: S) -> Self {
        Self(Arc::new(RwLock::new(stack)))
    }

    pub(crate) fn put(&self, stack: S) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = stack;
    }
}

impl<S> Clone for Exchange<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S, B> Service<Request<B>> for Exchange<S>
where
    S: Service<Request<B>, Error = Infallible> + Clone,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = Oneshot<S, Request<B>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let stack = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        stack.oneshot(request)
    }
}

/// The signal that says that the file has changed.
#[cfg(unix)]
pub(crate) struct Hangups(Option<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Hangups {
    /// From here on a signal does not end the process, if there is a file.
    pub(crate) fn new(has_file: bool) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        has_file.then(|| signal(SignalKind::hangup())).transpose().map(Self)
    }

    pub(crate) async fn next(&mut self) {
        let told = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if told.is_none() {
            std::future::pending().await
        }
    }
}

/// There is no such signal here.
#[cfg(not(unix))]
pub(crate) struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    pub(crate) fn new(_: bool) -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) {
        std::future::pending().await
    }
}
