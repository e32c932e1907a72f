use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::ChatBody;
use super::future::ResponseFuture;
use super::request::ChatRequest;
use crate::body::ResponseBody;
use crate::error::{ApiError, BoxError};
use crate::media_type;

/// The service that [`ChatLayer`](super::ChatLayer) makes.
///
/// It is always ready: each request takes a clone of the inner service when its body has been read, and waits for that
/// one. So a client that sends slowly holds nothing that others wait for.
#[derive(Clone, Debug)]
pub struct Chat<S> {
    inner: S,
    max_body: u64,
}

impl<S> Chat<S> {
    pub(super) fn new(inner: S, max_body: u64) -> Self {
        Self { inner, max_body }
    }

    /// What can be said of a request before its body is read.
    fn check_head(&self, method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
        if method != Method::POST {
            return Err(ApiError::method_not_allowed("POST"));
        }
        if !is_json(headers) {
            return Err(ApiError::unsupported_media_type("Send the request body as 'Content-Type: application/json'."));
        }
        if media_type::is_encoded(headers) {
            return Err(ApiError::unsupported_media_type("Send the request body without a Content-Encoding."));
        }
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.max_body) {
            return Err(ApiError::request_too_large(self.max_body));
        }
        Ok(())
    }
}

/// Whether the body is said to be JSON, or nothing is said about it.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let Some(content_type) = types.next() else { return true };
    types.next().is_none() && media_type::is(content_type, media_type::JSON)
}

impl<S, B, ResB> Service<Request<B>> for Chat<S>
where
    S: Service<Request<ChatRequest>, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ChatBody<ResB>>>;
    type Error = Infallible;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<S, B> {
        match self.check_head(request.method(), request.headers()) {
            Ok(()) => ResponseFuture::reading(request, self.inner.clone(), self.max_body),
            Err(error) => ResponseFuture::refused(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_body_is_json_or_nothing_is_said() {
        let one = |value: &'static str| is_json(&headers(&[("content-type", value)]));
        assert!(is_json(&headers(&[])));
        assert!(one("application/json") && one("Application/JSON ; charset=utf-8") && one("application/json;"));
        assert!(!one("") && !one("text/json") && !one("application/jsonp") && !one("application/json, text/plain"));
        assert!(!is_json(&headers(&[("content-type", "application/json"), ("content-type", "application/json")])));
    }

    #[test]
    fn the_head_is_checked_in_order() {
        let chat = Chat::new((), 10);
        let status = |method: Method, lines: &[(&'static str, &'static str)]| {
            chat.check_head(&method, &headers(lines)).map_err(|error| error.status().as_u16())
        };
        let (large, zipped) = (("content-length", "11"), ("content-encoding", "gzip"));
        assert_eq!(status(Method::GET, &[large, zipped]), Err(405));
        assert_eq!(status(Method::POST, &[large, zipped]), Err(415));
        assert_eq!(status(Method::POST, &[large]), Err(413));
        assert_eq!(status(Method::POST, &[("content-length", "10"), ("content-encoding", "Identity")]), Ok(()));
    }
}
