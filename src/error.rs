//! OpenAI's error object, and how every failure becomes one.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::body::ResponseBody;
use crate::json;
use crate::media_type;

/// A boxed error, as tower's layers pass it around.
pub type BoxError = Box<dyn Error + Send + Sync>;

type Word = Cow<'static, str>;

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
    headers: HeaderMap,
}

impl ApiError {
    /// An error with a status, OpenAI's `type` (such as `invalid_request_error`) and a message; `param` and `code` are null.
    pub fn new(status: StatusCode, kind: impl Into<Word>, message: impl Into<Word>) -> Self {
        Self(Box::new(Fields {
            status,
            message: message.into(),
            kind: kind.into(),
            param: None,
            code: None,
            headers: HeaderMap::new(),
        }))
    }

    /// Names the request field that the error is about, such as `messages[2].content`.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<Word>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// Sets the machine-readable `code`.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Word>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Adds a header to the response, such as `retry-after`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
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

    /// The headers that go out with the error.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
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
        out.extend_from_slice(b"}}");
    }

    /// The error as a whole HTTP response.
    pub fn into_response<B>(self) -> Response<ResponseBody<B>> {
        let mut response = Response::new(ResponseBody::full(self.to_json()));
        *response.status_mut() = self.0.status;
        *response.headers_mut() = self.0.headers;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type::JSON));
        response
    }
}

/// The errors of the client's own request.
impl ApiError {
    /// 400 `invalid_request_error` without a code.
    pub fn invalid_request(message: impl Into<Word>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// 400 `missing_required_parameter`.
    pub fn missing_parameter(param: impl Into<Word>) -> Self {
        let param = param.into();
        Self::invalid_request(format!("Missing required parameter: '{param}'."))
            .with_param(param)
            .with_code("missing_required_parameter")
    }

    /// 400 `invalid_type`: a field holds another JSON type than it should.
    pub fn invalid_type(param: impl Into<Word>, expected: &str, found: impl fmt::Display) -> Self {
        let param = param.into();
        Self::invalid_request(format!("Invalid type for '{param}': expected {expected}, but got {found} instead."))
            .with_param(param)
            .with_code("invalid_type")
    }

    /// 400 `invalid_value`: the right type, with a value that is not allowed. `reason` says what would be.
    pub fn invalid_value(param: impl Into<Word>, reason: impl fmt::Display) -> Self {
        let param = param.into();
        Self::invalid_request(format!("Invalid value for '{param}': {reason}"))
            .with_param(param)
            .with_code("invalid_value")
    }

    /// 400 `unsupported_parameter`: the model that is asked for cannot do what the field wants.
    pub fn unsupported_parameter(param: impl Into<Word>) -> Self {
        let param = param.into();
        Self::invalid_request(format!("The parameter '{param}' is not supported for this model."))
            .with_param(param)
            .with_code("unsupported_parameter")
    }

    /// 400 `unsupported_value`: the field is supported, this value of it is not.
    pub fn unsupported_value(param: impl Into<Word>, reason: impl fmt::Display) -> Self {
        let param = param.into();
        Self::invalid_request(format!("Unsupported value for '{param}': {reason}"))
            .with_param(param)
            .with_code("unsupported_value")
    }

    /// 401 `invalid_api_key`. The same for a key that is missing, unknown, expired or disabled, so that guessing learns nothing.
    pub fn invalid_api_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            "No valid API key was provided. Send it in one header: 'Authorization: Bearer YOUR_KEY'.",
        )
        .with_code("invalid_api_key")
    }

    /// 404 `model_not_found`: no such model, or none that this caller may know of.
    pub fn model_not_found(model: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            format!("The model '{model}' does not exist or you do not have access to it."),
        )
        .with_param("model")
        .with_code("model_not_found")
    }

    /// 404 `unknown_url`: a path that is not served here.
    pub fn unknown_url() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            "Unknown URL. This endpoint serves POST /v1/chat/completions, GET /v1/models and GET /v1/models/{id}.",
        )
        .with_code("unknown_url")
    }

    /// 405 `method_not_supported`, with the `allow` header.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
            format!("This method is not allowed here; use {allow}."),
        )
        .with_code("method_not_supported")
        .with_header(ALLOW, HeaderValue::from_static(allow))
    }

    /// 413 `request_too_large`. `limit` is in bytes.
    pub fn request_too_large(limit: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            format!("The request body is larger than {limit} bytes."),
        )
        .with_code("request_too_large")
    }

    /// 415 `unsupported_media_type`. `reason` says what to send instead.
    pub fn unsupported_media_type(reason: impl Into<Word>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request_error", reason)
            .with_code("unsupported_media_type")
    }
}

/// The errors of what stands behind us.
impl ApiError {
    /// A `server_error` with a code.
    pub fn server_error(status: StatusCode, code: &'static str, message: impl Into<Word>) -> Self {
        Self::new(status, "server_error", message).with_code(code)
    }

    /// 500 `internal_error`: our fault.
    pub fn internal() -> Self {
        Self::server_error(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "The server had an error.")
    }

    /// 502 `upstream_error`: the provider failed, or answered with something that is not an answer.
    pub fn upstream_error(message: impl Into<Word>) -> Self {
        Self::server_error(StatusCode::BAD_GATEWAY, "upstream_error", message)
    }

    /// 502 `upstream_auth_error`: the provider refused *our* credentials. Says nothing more: the detail is not the client's.
    pub fn upstream_auth() -> Self {
        Self::server_error(
            StatusCode::BAD_GATEWAY,
            "upstream_auth_error",
            "The upstream provider refused the gateway's credentials.",
        )
    }

    /// What a provider's error status means to the client, where its body adds nothing.
    ///
    /// 401, 402 and 403 are about *our* account and become a 502; so does every status that says nothing else.
    pub fn upstream_status(status: StatusCode) -> Self {
        let refused = "The upstream provider did not accept the request.";
        match status.as_u16() {
            401 | 403 => Self::upstream_auth(),
            402 => Self::upstream_billing(),
            404 => Self::upstream_model_not_found(),
            408 | 504 => Self::timeout(),
            413 => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "invalid_request_error",
                "The request is larger than the upstream provider accepts.",
            )
            .with_code("request_too_large"),
            422 => Self::invalid_request(refused),
            429 => Self::upstream_rate_limited(),
            400 | 409 => Self::new(status, "invalid_request_error", refused),
            503 | 529 => Self::overloaded("The upstream provider is overloaded."),
            _ => Self::upstream_error("The upstream provider failed."),
        }
    }

    /// 502 `upstream_billing`: the provider does not serve *our* account for a reason of money.
    pub fn upstream_billing() -> Self {
        let message = "The upstream provider refused to bill the gateway's account.";
        Self::server_error(StatusCode::BAD_GATEWAY, "upstream_billing", message)
    }

    /// 502 `upstream_quota`: *our* quota at the provider is used up. No SDK should retry that.
    pub fn upstream_quota() -> Self {
        let message = "The gateway's quota at the upstream provider is used up.";
        Self::server_error(StatusCode::BAD_GATEWAY, "upstream_quota", message)
            .with_header(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"))
    }

    /// 429 `rate_limit_exceeded` by the provider. Its own text may name our account, so it is not repeated.
    pub fn upstream_rate_limited() -> Self {
        let message = "The upstream provider's rate limit was reached; try again later.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message).with_code("rate_limit_exceeded")
    }

    /// 404 `model_not_found` by the provider: a mistake in our configuration.
    pub fn upstream_model_not_found() -> Self {
        let message = "The upstream provider does not know this model.";
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message)
            .with_param("model")
            .with_code("model_not_found")
    }

    /// 502 `upstream_unreachable`: no connection to the provider could be made.
    pub fn upstream_unreachable() -> Self {
        Self::server_error(
            StatusCode::BAD_GATEWAY,
            "upstream_unreachable",
            "The upstream provider could not be reached.",
        )
    }

    /// 502 `upstream_response_too_large`.
    pub fn upstream_too_large() -> Self {
        Self::server_error(
            StatusCode::BAD_GATEWAY,
            "upstream_response_too_large",
            "The upstream provider's answer is larger than this gateway accepts.",
        )
    }

    /// 503 `server_is_overloaded`.
    pub fn overloaded(message: impl Into<Word>) -> Self {
        Self::server_error(StatusCode::SERVICE_UNAVAILABLE, "server_is_overloaded", message)
    }

    /// 504 `timeout`.
    pub fn timeout() -> Self {
        Self::server_error(StatusCode::GATEWAY_TIMEOUT, "timeout", "The upstream provider did not answer in time.")
    }

    /// Whether `retry-after` came with the error.
    pub fn retry_after(&self) -> Option<&HeaderValue> {
        self.0.headers.get(RETRY_AFTER)
    }

    /// What a boxed error from below means to the client.
    ///
    /// An `ApiError` anywhere in the chain of sources is taken as it is; tower's `Elapsed` is a 504, its `Overloaded` a
    /// 503, an I/O error of the kind "timed out" a 504, and one that says that nobody listens `upstream_unreachable`, like
    /// every other failure to connect. Anything else is `upstream_error`. The text of the error itself never reaches the
    /// client: it may hold addresses or credentials.
    pub fn from_box(error: BoxError) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        chain(&*error)
            .find_map(Self::recognise)
            .or_else(|| chain(&*error).any(is_connect).then(Self::upstream_unreachable))
            .unwrap_or_else(|| Self::upstream_error("The upstream provider's connection failed."))
    }

    fn recognise(error: &(dyn Error + 'static)) -> Option<Self> {
        use std::io::ErrorKind;

        if let Some(error) = error.downcast_ref::<Self>() {
            return Some(error.clone());
        }
        if error.is::<tower::timeout::error::Elapsed>() {
            return Some(Self::timeout());
        }
        if error.is::<tower::load_shed::error::Overloaded>() {
            return Some(Self::overloaded("The server is at its capacity; try again shortly."));
        }
        match error.downcast_ref::<std::io::Error>()?.kind() {
            ErrorKind::TimedOut => Some(Self::timeout()),
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable => Some(Self::upstream_unreachable()),
            _ => None,
        }
    }
}

/// An error and what caused it, outermost first.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| cause(error))
}

/// An I/O error leaves out the error that it wraps when it is asked for its source.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

#[cfg(feature = "client")]
fn is_connect(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect())
}

#[cfg(not(feature = "client"))]
fn is_connect(_: &(dyn Error + 'static)) -> bool {
    false
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("status", &self.0.status.as_u16())
            .field("type", &self.0.kind)
            .field("param", &self.0.param)
            .field("code", &self.0.code)
            .field("message", &self.0.message)
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
    fn boxed_errors_are_told_apart() {
        let io = |kind| Box::new(std::io::Error::from(kind)) as BoxError;
        let cases = [
            (Box::new(ApiError::model_not_found("m")) as BoxError, 404, "model_not_found"),
            (Box::new(tower::timeout::error::Elapsed::new()), 504, "timeout"),
            (Box::new(tower::load_shed::error::Overloaded::new()), 503, "server_is_overloaded"),
            (io(std::io::ErrorKind::ConnectionRefused), 502, "upstream_unreachable"),
            (io(std::io::ErrorKind::TimedOut), 504, "timeout"),
            ("secret address 10.0.0.1".into(), 502, "upstream_error"),
        ];
        for (boxed, status, code) in cases {
            let error = ApiError::from_box(boxed);
            assert_eq!((error.status().as_u16(), error.code()), (status, Some(code)));
            assert!(!error.message().contains("10.0.0.1"));
        }
    }

    #[test]
    fn a_response_has_the_status_the_type_and_the_headers() {
        let response = ApiError::method_not_allowed("POST").into_response::<http_body_util::Empty<Bytes>>();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "POST");
        assert_eq!(response.headers()["content-type"], "application/json");
    }
}
