//! OpenAI's error object.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::body::ResponseBody;
use crate::json;
use crate::media_type;

/// Text that is mostly known when the program is built.
pub(super) type Word = Cow<'static, str>;

/// How many characters a message may have, and how many a field's name: both may repeat what a client or a provider sent.
const MAX_MESSAGE: usize = 2_000;
const MAX_PARAM: usize = 256;

/// An error that a client can be shown: an HTTP status and OpenAI's error object.
///
/// The object is `{"error": {"message", "type", "param", "code"}}`, always with all four keys. The OpenAI SDKs choose
/// their exception class by the status and give the rest to the caller.
///
/// ```
/// use tower_completions::ApiError;
///
/// let error = ApiError::unsupported_parameter("logit_bias");
/// assert_eq!(error.status(), 400);
/// assert_eq!(
///     error.to_json(),
///     r#"{"error":{"message":"The parameter 'logit_bias' is not supported for this model.","type":"invalid_request_error","param":"logit_bias","code":"unsupported_parameter"}}"#,
/// );
/// ```
#[derive(Clone)]
pub struct ApiError(Box<Fields>);

#[derive(Clone)]
struct Fields {
    status: StatusCode,
    message: Word,
    kind: Word,
    param: Option<Word>,
    code: Option<Word>,
    /// Further fields of the object, each with a comma before it.
    details: String,
    headers: HeaderMap,
    reason: Option<&'static str>,
}

/// A response extension of every error that is one of ours: what the ledger is told of it.
#[derive(Clone, Debug)]
pub(crate) struct ErrorCode(pub(crate) Word);

impl ApiError {
    /// An error with a status, OpenAI's `type` (such as `invalid_request_error`) and a message; `param` and `code` are null.
    pub fn new(status: StatusCode, kind: impl Into<Word>, message: impl Into<Word>) -> Self {
        Self(Box::new(Fields {
            status,
            message: shorten(message.into(), MAX_MESSAGE),
            kind: kind.into(),
            param: None,
            code: None,
            details: String::new(),
            headers: HeaderMap::new(),
            reason: None,
        }))
    }

    /// Names the request field that the error is about, such as `messages[2].content`.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<Word>) -> Self {
        self.0.param = Some(shorten(param.into(), MAX_PARAM));
        self
    }

    /// Sets the machine-readable `code`.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Word>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Adds a field to the object, whose value is JSON: what a provider says beyond OpenAI's four, such as Azure's
    /// `innererror`.
    #[must_use]
    pub(crate) fn with_detail(mut self, name: &str, json: json::Raw<'_>) -> Self {
        let mut key = Vec::new();
        json::write_str(&mut key, name);
        self.0.details.push(',');
        self.0.details.push_str(&String::from_utf8_lossy(&key));
        self.0.details.push(':');
        self.0.details.push_str(json.text());
        self
    }

    /// Adds a header to the response, such as `retry-after`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Says for the ledger what the code leaves open, such as `idle_timeout`. Clients do not see it.
    #[must_use]
    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// OpenAI's `type`.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The text for a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The request field at fault, if it is one.
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// OpenAI's `code`, if there is one.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// What the code leaves open, for the ledger: [`TimeoutKind::reason`](super::TimeoutKind::reason) of a timeout of ours.
    pub fn reason(&self) -> Option<&'static str> {
        self.0.reason
    }

    /// The headers that go out with the error.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// Whether `retry-after` came with the error.
    pub fn retry_after(&self) -> Option<&HeaderValue> {
        self.0.headers.get(RETRY_AFTER)
    }

    /// The error object as JSON text.
    pub fn to_json(&self) -> Bytes {
        let mut out = Vec::with_capacity(128 + self.0.message.len());
        self.write_json(&mut out);
        out.into()
    }

    /// The error as one server-sent event: what a stream ends with when it fails after its first byte.
    ///
    /// No `[DONE]` and no `finish_reason` follow it, so that a broken answer never looks whole.
    pub fn to_event(&self) -> Bytes {
        let mut out = Vec::with_capacity(136 + self.0.message.len());
        out.extend_from_slice(b"data: ");
        self.write_json(&mut out);
        out.extend_from_slice(b"\n\n");
        out.into()
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        let optional = |out: &mut Vec<u8>, word: &Option<Word>| match word {
            Some(word) => json::write_str(out, word),
            None => out.extend_from_slice(b"null"),
        };
        out.extend_from_slice(br#"{"error":{"message":"#);
        json::write_str(out, &self.0.message);
        out.extend_from_slice(br#","type":"#);
        json::write_str(out, &self.0.kind);
        out.extend_from_slice(br#","param":"#);
        optional(out, &self.0.param);
        out.extend_from_slice(br#","code":"#);
        optional(out, &self.0.code);
        out.extend_from_slice(self.0.details.as_bytes());
        out.extend_from_slice(b"}}");
    }

    /// The error as a whole HTTP response.
    pub fn into_response<B>(self) -> Response<ResponseBody<B>> {
        let mut response = Response::new(ResponseBody::full(self.to_json()));
        let word = self.0.reason.map(Word::Borrowed).or(self.0.code).unwrap_or(self.0.kind);
        response.extensions_mut().insert(ErrorCode(word));
        *response.status_mut() = self.0.status;
        *response.headers_mut() = self.0.headers;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type::JSON));
        response
    }
}

fn shorten(word: Word, characters: usize) -> Word {
    match word.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &word[..end]).into(),
        None => word,
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("status", &self.0.status.as_u16())
            .field("type", &self.0.kind)
            .field("param", &self.0.param)
            .field("code", &self.0.code)
            .field("message", &self.0.message)
            .field("reason", &self.0.reason)
            .finish()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.status.as_u16(), self.0.message)
    }
}

impl Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_not_repeated_for_ever() {
        let error = ApiError::model_not_found(&"é".repeat(1 << 20)).with_param("p".repeat(1 << 20));
        assert_eq!(error.message().chars().count(), MAX_MESSAGE + 1);
        assert_eq!(error.param().map(|param| param.chars().count()), Some(MAX_PARAM + 1));
    }

    #[test]
    fn all_four_keys_are_always_there() {
        let error = ApiError::invalid_request("say \"what\"\n");
        assert_eq!(
            error.to_json(),
            r#"{"error":{"message":"say \"what\"\n","type":"invalid_request_error","param":null,"code":null}}"#
        );
    }

    #[test]
    fn an_event_ends_with_a_blank_line_and_nothing_else() {
        let event = ApiError::timeout().to_event();
        assert!(event.starts_with(b"data: {\"error\":") && event.ends_with(b"}}\n\n"));
    }

    #[test]
    fn a_response_has_the_status_the_type_and_the_headers() {
        let response = ApiError::method_not_allowed("POST").into_response::<http_body_util::Empty<Bytes>>();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "POST");
        assert_eq!(response.headers()["content-type"], "application/json");
    }
}
