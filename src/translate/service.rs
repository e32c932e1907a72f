use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use super::body::AnswerBody;
use super::dialect::{Dialect, Dropped, Upstream};
use super::future::{Answer, ResponseFuture};
use super::settings::Settings;
use crate::body::ResponseBody;
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

impl<D: Dialect, S> Translate<D, S> {
    /// The request in the provider's language, and what its answer needs.
    fn encode(&self, chat: &ChatRequest) -> Result<(Upstream, Answer<D::Decoder>), ApiError> {
        let (upstream, decoder) = self.dialect.encode(chat)?;
        if self.settings.strict
            && let Some(field) = upstream.dropped.iter().next()
        {
            return Err(ApiError::unsupported_parameter(field.to_owned()));
        }
        let answer = Answer {
            decoder,
            streaming: chat.stream(),
            show_usage: chat.include_usage(),
            head: self.settings.answer_head(),
            max_answer: self.settings.max_answer,
            cell: UsageCell::new(),
            served: Served::new(self.settings.provider.clone(), chat.model()),
            dropped: dropped_header(&upstream.dropped),
        };
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
fn outgoing(upstream: Upstream, extensions: http::Extensions) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(upstream.body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = upstream.uri;
    *request.headers_mut() = upstream.headers;
    *request.extensions_mut() = extensions;
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    request
}

impl<D, S, B> Service<Request<ChatRequest>> for Translate<D, S>
where
    D: Dialect,
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<AnswerBody<D::Decoder, B>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, D::Decoder, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ChatRequest>) -> Self::Future {
        let (parts, chat) = request.into_parts();
        match self.encode(&chat) {
            Ok((upstream, answer)) => {
                ResponseFuture::calling(self.inner.call(outgoing(upstream, parts.extensions)), answer)
            }
            Err(error) => ResponseFuture::refused(error),
        }
    }
}
