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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body::Body;
    use http_body_util::{BodyExt, Full};
    use tower::limit::ConcurrencyLimitLayer;
    use tower::{Layer, ServiceExt, service_fn};

    use super::super::SpanLayer;
    use super::*;

    #[tokio::test]
    async fn readiness_and_the_length_of_the_body_are_those_of_what_is_inside() {
        let request =
            || Request::new(ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user"}]}"#).unwrap());
        let inner = service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("12345"))));
        let mut service = SpanLayer::new().layer(ConcurrencyLimitLayer::new(1).layer(inner));
        let call = service.ready().await.unwrap().call(request());
        assert!(tokio_test::task::spawn(service.ready()).poll().is_pending());
        let mut body = call.await.unwrap().into_body();
        assert!(tokio_test::task::spawn(service.ready()).poll().is_ready());
        assert_eq!((body.is_end_stream(), body.size_hint().exact()), (false, Some(5)));
        body.frame().await.unwrap().unwrap();
        assert_eq!((body.is_end_stream(), body.size_hint().exact()), (true, Some(0)));
    }
}
