//! The errors of what stands behind us.

use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};

use super::ApiError;
use super::api_error::Word;

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

    /// 502 `upstream_error`: the answer ended before the provider had said that it was over.
    pub fn upstream_broke_off() -> Self {
        Self::upstream_error("The upstream provider's answer broke off.")
    }

    /// 502 `upstream_empty_response`: neither an answer nor a reason why there is none. Worth another try.
    pub fn upstream_empty() -> Self {
        let message = "The upstream provider sent an empty answer.";
        Self::server_error(StatusCode::BAD_GATEWAY, "upstream_empty_response", message)
    }

    /// 502 `upstream_malformed_output`: the model tried to call a tool and failed. Worth another try.
    pub fn upstream_malformed() -> Self {
        let message = "The model's output was malformed, and nothing of it could be used.";
        Self::server_error(StatusCode::BAD_GATEWAY, "upstream_malformed_output", message)
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

    /// 503 `server_shutdown`: we are about to go, and what has not ended by now will not. Another instance may do it.
    pub fn shutting_down() -> Self {
        let message = "The server is shutting down; try again.";
        Self::server_error(StatusCode::SERVICE_UNAVAILABLE, "server_shutdown", message)
            .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 504 `timeout`.
    pub fn timeout() -> Self {
        Self::server_error(StatusCode::GATEWAY_TIMEOUT, "timeout", "The upstream provider did not answer in time.")
    }
}
