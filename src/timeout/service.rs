use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::body::TimeoutBody;
use super::future::ResponseFuture;
use super::limits::Limits;
use super::watch::Watch;
use crate::chat::ChatRequest;
use crate::error::BoxError;
use crate::usage::Attempts;

/// The service that [`TimeoutLayer`](super::TimeoutLayer) makes. What came too late is an error from it, as with tower's
/// own: the border makes an answer of it, and a router may ask somebody else.
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    inner: S,
    limits: Limits,
}

impl<S> Timeout<S> {
    pub(super) fn new(inner: S, limits: Limits) -> Self {
        Self { inner, limits }
    }
}

impl<S, B> Service<Request<ChatRequest>> for Timeout<S>
where
    S: Service<Request<ChatRequest>, Response = Response<B>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<TimeoutBody<B>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<ChatRequest>) -> Self::Future {
        let watch = Watch::start(self.limits, request.body().stream());
        let attempts = Attempts::enclose(request.extensions_mut());
        ResponseFuture::new(self.inner.call(request), watch, attempts)
    }
}
