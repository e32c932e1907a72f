//! The errors of the client's own request.

use std::fmt;

use http::header::ALLOW;
use http::{HeaderValue, StatusCode};

use super::ApiError;
use super::api_error::Word;

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
