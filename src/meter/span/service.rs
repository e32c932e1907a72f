use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::body::ResponseBody;
use super::future::ResponseFuture;
use super::open::Open;
use crate::chat::ChatRequest;

/// A service whose requests have a span each. Made by a [`SpanLayer`](super::SpanLayer).
#[derive(Clone, Debug)]
pub struct Spanned<S> {
    inner: S,
}

impl<S> Spanned<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<ChatRequest>> for Spanned<S>
where
    S: Service<Request<ChatRequest>, Response = Response<B>>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ChatRequest>) -> Self::Future {
        let open = Open::new(request.body());
        let inner = open.within(|| self.inner.call(request));
        ResponseFuture::new(inner, open)
    }
}
