//! Anthropic's errors, with an HTTP status and inside a stream, as OpenAI's.

use http::StatusCode;

use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::scrub::Scrub;

/// An answer with an error status. Compatible servers wrap errors in their own ways, so the status decides, and the
/// body only adds to it.
pub(super) fn from_status(status: StatusCode, body: &[u8], scrub: &Scrub) -> ApiError {
    let body = Raw::from_bytes(body).ok();
    map(status.as_u16(), &body.map(Report::read).unwrap_or_default(), scrub)
}

/// An error that came with a 200: the `error` field of an event, or of a whole body. Its type stands for the status.
pub(super) fn from_body(error: Option<Raw<'_>>, scrub: &Scrub) -> ApiError {
    let status = match error.and_then(|error| error.get("type")).and_then(Raw::as_str).as_deref() {
        Some("invalid_request_error") => 400,
        Some("authentication_error") => 401,
        Some("billing_error") => 402,
        Some("permission_error") => 403,
        Some("not_found_error") => 404,
        Some("conflict_error") => 409,
        Some("request_too_large") => 413,
        Some("rate_limit_error") => 429,
        Some("timeout_error") => 504,
        Some("overloaded_error") => 529,
        _ => 500,
    };
    map(status, &error.map(Report::read_error).unwrap_or_default(), scrub)
}

/// What a body says about an error.
#[derive(Default)]
struct Report {
    message: Option<String>,
    /// The limit that a 429 is about is one on money.
    spent: bool,
}

impl Report {
    fn read(body: Raw<'_>) -> Self {
        Self::read_error(body.get("error").unwrap_or(body))
    }

    fn read_error(error: Raw<'_>) -> Self {
        let message = error.as_str().or_else(|| error.get("message").and_then(Raw::as_str));
        let code = error.get("details").and_then(|details| details.get("error_code")).and_then(Raw::as_str);
        let spent = matches!(
            code.as_deref(),
            Some("ramp_limit_exceeded" | "enforced_spend_limit_reached" | "contract_spend_limit_reached")
        );
        Self { message: message.map(|message| message.into_owned()), spent }
    }

    fn says(&self, words: &[&str]) -> bool {
        self.message.as_deref().is_some_and(|message| {
            let message = message.to_ascii_lowercase();
            words.iter().any(|words| message.contains(words))
        })
    }
}

fn map(status: u16, report: &Report, scrub: &Scrub) -> ApiError {
    match status {
        // With status 400, although it is about the account of the gateway.
        400 if report.says(&["credit balance is too low"]) => ApiError::upstream_billing(),
        // The one kind of message that is the client's own business, and so passed on.
        400 | 422 => {
            let message = report.message.as_deref().filter(|message| !message.trim().is_empty());
            let message = message.map_or_else(
                || "The upstream provider did not accept the request.".to_owned(),
                |message| scrub.clean(message),
            );
            let error = ApiError::invalid_request(message);
            if report.says(&["prompt is too long", "exceed context limit"]) {
                error.with_code("context_length_exceeded")
            } else {
                error
            }
        }
        409 => ApiError::server_error(
            StatusCode::CONFLICT,
            "conflict",
            "The upstream provider could not take the request at this moment; try again.",
        ),
        429 if report.spent => ApiError::upstream_quota(),
        503 | 529 => ApiError::overloaded("Overloaded"),
        _ => StatusCode::from_u16(status).map_or_else(|_| ApiError::internal(), ApiError::upstream_status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Summary = (u16, String, Option<String>);

    fn summary(error: &ApiError) -> Summary {
        (error.status().as_u16(), error.kind().to_owned(), error.code().map(str::to_owned))
    }

    fn expected(status: u16, kind: &str, code: &str) -> Summary {
        (status, kind.to_owned(), Some(code.to_owned()).filter(|code| !code.is_empty()))
    }

    const TABLE: [(u16, &str, u16, &str, &str); 11] = [
        (400, "invalid_request_error", 400, "invalid_request_error", ""),
        (401, "authentication_error", 502, "server_error", "upstream_auth_error"),
        (402, "billing_error", 502, "server_error", "upstream_billing"),
        (403, "permission_error", 502, "server_error", "upstream_auth_error"),
        (404, "not_found_error", 404, "invalid_request_error", "model_not_found"),
        (409, "conflict_error", 409, "server_error", "conflict"),
        (413, "request_too_large", 413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", 429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "api_error", 502, "server_error", "upstream_error"),
        (504, "timeout_error", 504, "server_error", "timeout"),
        (529, "overloaded_error", 503, "server_error", "server_is_overloaded"),
    ];

    #[test]
    fn the_table_holds_by_status_and_by_type_and_only_a_400_is_quoted() {
        for (status, word, to, kind, code) in TABLE {
            let body = format!(
                r#"{{"type":"error","error":{{"type":"{word}","message":"org-1 at 10.0.0.1 with sk-secret"}}}}"#
            );
            let scrub = Scrub::new(["sk-secret"]);
            let by_status = from_status(StatusCode::from_u16(status).unwrap(), body.as_bytes(), &scrub);
            let by_type = from_body(Raw::parse(&body).unwrap().get("error"), &scrub);
            for error in [by_status, by_type] {
                assert_eq!(summary(&error), expected(to, kind, code));
                let quoted = "org-1 at 10.0.0.1 with ***";
                assert_eq!(error.message() == quoted, status == 400, "{}", error.message());
                assert!(!error.message().contains("sk-secret"));
            }
        }
    }

    #[test]
    fn the_status_wins_over_a_strange_body() {
        let bodies: [&[u8]; 7] = [
            b"",
            b"<html>nginx at 10.0.0.1</html>",
            b"null",
            b"\xff",
            br#"{"error":{"type":"<nil>","message":7}}"#,
            br#"{"error":"10.0.0.1"}"#,
            br#"[{"message":"10.0.0.1"}]"#,
        ];
        for body in bodies {
            for (status, _, to, kind, code) in TABLE.into_iter().skip(1).chain([
                (503, "", 503, "server_error", "server_is_overloaded"),
                (302, "", 502, "server_error", "upstream_error"),
                (418, "", 502, "server_error", "upstream_error"),
                (599, "", 502, "server_error", "upstream_error"),
            ]) {
                let error = from_status(StatusCode::from_u16(status).unwrap(), body, &Scrub::default());
                assert_eq!(summary(&error), expected(to, kind, code));
                assert!(!error.message().contains("10.0.0.1"));
            }
            let error = from_status(StatusCode::BAD_REQUEST, body, &Scrub::default());
            assert_eq!(error.status(), 400);
            assert!(!error.message().is_empty() && !error.message().contains('<'));
        }
    }

    #[test]
    fn messages_tell_some_errors_apart() {
        let status = |status, message: &str| {
            let body = format!(r#"{{"error":{{"message":"{message}"}}}}"#);
            summary(&from_status(StatusCode::from_u16(status).unwrap(), body.as_bytes(), &Scrub::default()))
        };
        let too_long = expected(400, "invalid_request_error", "context_length_exceeded");
        assert_eq!(status(400, "prompt is too long: 210000 tokens > 200000 maximum"), too_long);
        assert_eq!(status(400, "input length and `max_tokens` exceed context limit: 9 + 9 > 10"), too_long);
        let billing = expected(502, "server_error", "upstream_billing");
        assert_eq!(status(400, "Your credit balance is too low to access the Anthropic API."), billing);
        assert_eq!(status(422, "no"), expected(400, "invalid_request_error", ""));
    }

    #[test]
    fn a_limit_on_money_is_not_worth_a_retry() {
        let body = br#"{"error":{"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
        let error = from_status(StatusCode::TOO_MANY_REQUESTS, body, &Scrub::default());
        assert_eq!(summary(&error), expected(502, "server_error", "upstream_quota"));
        assert_eq!(error.headers()["x-should-retry"], "false");
    }
}
