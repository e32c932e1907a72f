//! Why a request did not end well, in few words: what a dashboard groups by. The code of the error says more.

use std::sync::Arc;

use http::StatusCode;

/// The words of a ledger.
pub(super) const CLIENT_ABORTED: &str = "client_aborted";
pub(super) const INTERNAL_ERROR: &str = "internal_error";

/// The word for the error of a provider, or of something else behind us: from its code, and from its status where the
/// code is the provider's own.
pub(super) fn reason(code: &str, status: Option<StatusCode>) -> &str {
    match code {
        "upstream_unreachable" | INTERNAL_ERROR | "server_shutdown" | "upstream_billing" | "upstream_quota" => code,
        "upstream_auth_error" => "upstream_auth",
        "rate_limit_exceeded" => "upstream_rate_limited",
        "model_not_found" | "server_is_overloaded" => "upstream_error",
        code if code.ends_with("timeout") => "upstream_timeout",
        code if code.starts_with("upstream_") => "upstream_error",
        _ => match status.map(|status| status.as_u16()) {
            Some(400 | 409 | 413 | 422) => "client_error",
            _ => "upstream_error",
        },
    }
}

/// A text of somebody else's, no longer than a ledger wants it.
pub(super) fn short(text: &str, characters: usize) -> Arc<str> {
    cut(text, characters).into()
}

/// The same of a text that is shared: what is short already is shared on.
pub(super) fn short_of(text: &Arc<str>, characters: usize) -> Arc<str> {
    match cut(text, characters) {
        cut if cut.len() < text.len() => cut.into(),
        _ => Arc::clone(text),
    }
}

fn cut(text: &str, characters: usize) -> &str {
    // A character has a byte at least.
    if text.len() <= characters {
        return text;
    }
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ApiError, TimeoutKind};

    fn word(error: &ApiError) -> String {
        let code = error.reason().or(error.code()).unwrap_or(error.kind());
        reason(code, Some(error.status())).to_owned()
    }

    #[test]
    fn each_error_has_the_word_of_the_fault_table() {
        for (error, expected) in [
            (ApiError::upstream_unreachable(), "upstream_unreachable"),
            (ApiError::upstream_error("x"), "upstream_error"),
            (ApiError::upstream_too_large(), "upstream_error"),
            (ApiError::upstream_empty(), "upstream_error"),
            (ApiError::upstream_model_not_found(), "upstream_error"),
            (ApiError::overloaded("x"), "upstream_error"),
            (ApiError::timeout(), "upstream_timeout"),
            (ApiError::timed_out(TimeoutKind::Idle), "upstream_timeout"),
            (ApiError::upstream_auth(), "upstream_auth"),
            (ApiError::upstream_rate_limited(), "upstream_rate_limited"),
            (ApiError::upstream_status(StatusCode::BAD_REQUEST), "client_error"),
            (ApiError::upstream_status(StatusCode::PAYLOAD_TOO_LARGE), "client_error"),
            (ApiError::upstream_status(StatusCode::UNPROCESSABLE_ENTITY), "client_error"),
            (ApiError::invalid_request("x").with_code("context_length_exceeded"), "client_error"),
            (ApiError::internal(), "internal_error"),
            (ApiError::upstream_billing(), "upstream_billing"),
        ] {
            assert_eq!(word(&error), expected, "{error:?}");
        }
        assert_eq!(reason("invalid_request_error", Some(StatusCode::OK)), "upstream_error", "inside a stream");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!((&*short("üü", 2), &*short("üüü", 2), &*short("", 0)), ("üü", "üü", ""));
        let shared: Arc<str> = "üüü".into();
        assert!(&*short_of(&shared, 2) == "üü" && Arc::ptr_eq(&short_of(&shared, 3), &shared));
    }

    #[test]
    fn our_own_words_count_more_than_a_status() {
        for code in ["model_not_found", "server_is_overloaded", "upstream_too_large", "upstream_error"] {
            assert_eq!(reason(code, Some(StatusCode::PAYLOAD_TOO_LARGE)), "upstream_error", "{code}");
        }
        assert_eq!(reason("upstream_quota", Some(StatusCode::PAYLOAD_TOO_LARGE)), "upstream_quota");
    }
}
