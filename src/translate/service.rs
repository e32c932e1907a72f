use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Version};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use super::dialect::{Dialect, Dropped, Upstream};
use super::future::{Answer, Attempting, ResponseFuture, Translated};
use super::settings::Settings;
use crate::chat::ChatRequest;
use crate::error::{ApiError, BoxError};
use crate::usage::{Served, UsageCell};

/// The service that [`TranslateLayer`](super::TranslateLayer) makes.
#[derive(Debug)]
pub struct Translate<D, S> {
    inner: S,
    dialect: Arc<D>,
    settings: Settings,
}

impl<D, S> Translate<D, S> {
    pub(super) fn new(inner: S, dialect: Arc<D>, settings: Settings) -> Self {
        Self { inner, dialect, settings }
    }
}

impl<D, S: Clone> Clone for Translate<D, S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.dialect.clone(), self.settings.clone())
    }
}

/// The request in the provider's language, and what its answer needs.
type Encoded<D> = (Upstream, Box<Answer<<D as Dialect>::Decoder>>);

impl<D: Dialect, S> Translate<D, S> {
    /// Translates a request.
    fn encode(&self, chat: &ChatRequest) -> Result<Encoded<D>, ApiError> {
        let (upstream, decoder) = self.dialect.encode(chat)?;
        if self.settings.strict
            && let Some(field) = upstream.dropped.iter().next()
        {
            return Err(ApiError::unsupported_parameter(field.to_owned()));
        }
        let answer = Box::new(Answer {
            decoder,
            streaming: chat.stream(),
            show_usage: chat.include_usage(),
            head: self.settings.answer_head(),
            max_answer: self.settings.max_answer,
            cell: UsageCell::new(),
            served: Served::new(self.settings.provider.clone(), chat.model_id().clone()),
            dropped: dropped_header(&upstream.dropped),
            attempt: None,
        });
        Ok((upstream, answer))
    }
}

/// The value of `x-dropped-params`: the names, without any that a header cannot hold.
fn dropped_header(dropped: &Dropped) -> Option<HeaderValue> {
    if dropped.is_empty() {
        return None;
    }
    let names: Vec<&str> = dropped.iter().filter(|name| HeaderValue::from_str(name).is_ok()).collect();
    HeaderValue::from_str(&names.join(", ")).ok()
}

/// The request that goes out: nothing of the client's but what the dialect wrote, and the extensions.
fn outgoing(upstream: Upstream, mut head: Parts) -> Request<Full<Bytes>> {
    (head.method, head.uri, head.version) = (Method::POST, upstream.uri, Version::HTTP_11);
    head.headers = upstream.headers;
    head.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Request::from_parts(head, Full::new(upstream.body))
}

impl<D, S, B> Service<Request<ChatRequest>> for Translate<D, S>
where
    D: Dialect,
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Response = Translated<D::Decoder, B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, D::Decoder, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ChatRequest>) -> Self::Future {
        let (parts, chat) = request.into_parts();
        match self.encode(&chat) {
            Ok((upstream, mut answer)) => {
                answer.attempt = Attempting::begin(&parts.extensions, &answer);
                ResponseFuture::calling(self.inner.call(outgoing(upstream, parts)), answer)
            }
            Err(error) => ResponseFuture::refused(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::HeaderMap;
    use http_body_util::BodyExt;
    use tower::{Layer, ServiceExt, service_fn};

    use super::*;
    use crate::chat::Sink;
    use crate::translate::{Decode, TranslateLayer};
    use crate::usage::Attempts;

    /// Leaves a field out, and forwards whatever comes.
    struct Lossy;
    struct Forward;

    impl Dialect for Lossy {
        const NAME: &'static str = "lossy";
        type Decoder = Forward;

        fn encode(&self, chat: &ChatRequest) -> Result<(Upstream, Forward), ApiError> {
            let mut dropped = Dropped::default();
            for field in ["seed", "seed", "tools[0].strict", "b\na\u{fc}d"] {
                dropped.push(field);
            }
            let uri = http::Uri::from_static("http://upstream.test/x");
            Ok((Upstream { uri, headers: HeaderMap::new(), body: chat.to_bytes(), dropped }, Forward))
        }
    }

    impl Decode for Forward {
        fn stream(&mut self, bytes: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
            sink.forward(bytes);
            Ok(())
        }
        fn end(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
            sink.end();
            Ok(())
        }
        fn whole(&mut self, body: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
            sink.forward(body);
            sink.end();
            Ok(())
        }
        fn error(&self, _: http::StatusCode, _: &[u8]) -> ApiError {
            ApiError::internal()
        }
    }

    fn ask() -> Request<ChatRequest> {
        let chat = ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user"}]}"#).unwrap();
        let mut request = Request::new(chat);
        request.headers_mut().insert("cookie", HeaderValue::from_static("planted"));
        request.extensions_mut().insert(7_u8);
        request
    }

    async fn upstream(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/x"));
        assert_eq!(request.headers().len(), 1, "{:?}", request.headers());
        assert_eq!(request.headers()["accept-encoding"], "identity");
        assert_eq!(request.extensions().get(), Some(&7_u8));
        Ok(Response::new(Full::new(Bytes::from_static(b"answer"))))
    }

    #[tokio::test]
    async fn what_is_left_out_is_named() {
        let layer = TranslateLayer::new(Lossy).provider("mine");
        let response = layer.layer(service_fn(upstream)).oneshot(ask()).await.unwrap();
        assert_eq!(response.headers()["x-dropped-params"], "seed, tools[0].strict");
        let served = response.extensions().get::<Served>().unwrap();
        assert_eq!((&*served.provider, &*served.model, served.attempts), ("mine", "m", 1));
        assert!(response.extensions().get::<UsageCell>().unwrap().observed().complete);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "answer");
    }

    #[tokio::test]
    async fn who_wants_to_know_sees_each_attempt() {
        let attempts = Attempts::new();
        let mut request = ask();
        request.extensions_mut().insert(attempts.for_model("configured"));
        let service = TranslateLayer::new(Lossy).provider("mine").layer(service_fn(upstream));
        let unread = service.clone().oneshot(request).await.unwrap();
        let tried = attempts.list();
        assert_eq!((&*tried[0].provider, &*tried[0].model), ("mine", "configured"));
        assert_eq!(tried[0].status, Some(http::StatusCode::OK));
        assert!(tried[0].cell.is_complete());
        drop(unread);

        let mut request = ask();
        request.extensions_mut().insert(attempts.clone());
        let strict = TranslateLayer::new(Lossy).strict().layer(service_fn(upstream));
        assert_eq!(strict.oneshot(request).await.unwrap().status(), 400);
        assert_eq!(attempts.count(), 1, "what is refused was not tried");
    }

    #[tokio::test]
    async fn strict_refuses_it_instead() {
        let nobody = service_fn(async |_: Request<Full<Bytes>>| -> Result<Response<Full<Bytes>>, Infallible> {
            panic!("nothing is sent");
        });
        let response = TranslateLayer::new(Lossy).strict().layer(nobody).oneshot(ask()).await.unwrap();
        assert_eq!(response.status(), 400);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(std::str::from_utf8(&body).unwrap().contains(r#""param":"seed","code":"unsupported_parameter""#));
    }
}
