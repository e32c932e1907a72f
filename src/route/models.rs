use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Extensions, HeaderValue, Method, Request, Response};
use http_body_util::Empty;
use tower_service::Service;

use super::router::Registry;
use crate::body::ResponseBody;
use crate::error::ApiError;
use crate::media_type;

const PREFIX: &str = "/v1/models";

/// `GET /v1/models` and `GET /v1/models/{id}`, in [OpenAI's shape](https://platform.openai.com/docs/api-reference/models).
///
/// Lists what the [`Principal`](crate::Principal) in the request's extensions may use, or everything without one. The id
/// is whatever follows `/v1/models/` in the path, percent-decoded: ids may hold slashes and colons.
#[derive(Clone)]
pub struct Models {
    registry: Arc<Registry>,
}

impl Models {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// Whether a path is one of the two.
    pub(super) fn is_path(path: &str) -> bool {
        path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn answer(&self, method: &Method, path: &str, caller: &Extensions) -> Result<Vec<u8>, ApiError> {
        if method != Method::GET && method != Method::HEAD {
            return Err(ApiError::method_not_allowed("GET, HEAD"));
        }
        match path.strip_prefix(PREFIX) {
            Some("") => Ok(self.list(caller)),
            Some(rest) => self.retrieve(rest.strip_prefix('/').ok_or_else(ApiError::unknown_url)?, caller),
            None => Err(ApiError::unknown_url()),
        }
    }

    fn list(&self, caller: &Extensions) -> Vec<u8> {
        let mut out = br#"{"object":"list","data":["#.to_vec();
        for (at, model) in self.registry.list(caller).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            model.write(&mut out);
        }
        out.extend_from_slice(b"]}");
        out
    }

    fn retrieve(&self, encoded: &str, caller: &Extensions) -> Result<Vec<u8>, ApiError> {
        let id = percent_decode(encoded).ok_or_else(|| ApiError::model_not_found(encoded))?;
        let model = self.registry.find(&id, caller).ok_or_else(|| ApiError::model_not_found(&id))?;
        let mut out = Vec::with_capacity(128);
        model.write(&mut out);
        Ok(out)
    }
}

/// Undoes percent-encoding. `None` if it is broken, or the result is not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digits = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok())?;
            out.push(u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?);
            rest = &after[2..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    String::from_utf8(out).ok()
}

impl<B> Service<Request<B>> for Models {
    type Response = Response<ResponseBody<Empty<Bytes>>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(match self.answer(request.method(), request.uri().path(), request.extensions()) {
            Ok(json) => {
                let mut response = Response::new(ResponseBody::full(json));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type::JSON));
                response
            }
            Err(error) => error.into_response(),
        }))
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.registry.models).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone_once() {
        for (encoded, plain) in
            [("a/b:c", "a/b:c"), ("a%2Fb%3ac", "a/b:c"), ("%2525", "%25"), ("%C3%BC", "ü"), ("a+b", "a+b"), ("", "")]
        {
            assert_eq!(percent_decode(encoded).as_deref(), Some(plain));
        }
        for broken in ["%", "%2", "%zz", "%+f", "%-1", "%ff", "a%C3", "%é"] {
            assert_eq!(percent_decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn its_paths() {
        assert!(["/v1/models", "/v1/models/", "/v1/models/a/b"].into_iter().all(Models::is_path));
        assert!(!["/v1/modelsx", "/v1/model", "//v1/models", "/V1/models", ""].into_iter().any(Models::is_path));
    }
}
