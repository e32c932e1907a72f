use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Response;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::KeepAliveBody;

/// Sends a comment after each silence of a stream. See the [module](super).
#[derive(Clone, Debug)]
pub struct KeepAliveLayer {
    interval: Option<Duration>,
}

impl KeepAliveLayer {
    /// A comment after each silence of this length. Takes a time or an `Option` of one: without, streams get their headers and
    /// no comments.
    pub fn new(interval: impl Into<Option<Duration>>) -> Self {
        Self { interval: interval.into() }
    }
}

impl<S> Layer<S> for KeepAliveLayer {
    type Service = KeepAlive<S>;

    fn layer(&self, inner: S) -> KeepAlive<S> {
        KeepAlive { inner, interval: self.interval }
    }
}

/// The service that [`KeepAliveLayer`] makes, around any service of any request.
#[derive(Clone, Debug)]
pub struct KeepAlive<S> {
    inner: S,
    interval: Option<Duration>,
}

impl<S, R, B> Service<R> for KeepAlive<S>
where
    S: Service<R, Response = Response<B>>,
{
    type Response = Response<KeepAliveBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        ResponseFuture { inner: self.inner.call(request), interval: self.interval }
    }
}

pin_project! {
    /// The future of [`KeepAlive`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        interval: Option<Duration>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<KeepAliveBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        Poll::Ready(Ok(KeepAliveBody::wrap(response, *this.interval)))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("interval", &self.interval).finish_non_exhaustive()
    }
}
