//! Gemini's errors, with an HTTP status and inside a stream, as OpenAI's.

use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::error::ApiError;
use crate::json::{Kind, Raw};
use crate::translate::scrub::Scrub;

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// An answer with an error status, which decides; the body only adds to it.
pub(super) fn from_status(status: StatusCode, body: &[u8], scrub: &Scrub) -> ApiError {
    let body = Raw::from_bytes(body).ok();
    map(status.as_u16(), &body.map(Report::read).unwrap_or_default(), scrub)
}

/// An error that came with a 200: its code stands for the status.
pub(super) fn from_frame(error: Raw<'_>, scrub: &Scrub) -> ApiError {
    let code = error.get("code").and_then(Raw::as_u64).and_then(|code| u16::try_from(code).ok());
    let word = error.get("status").and_then(Raw::as_str);
    let status = code.or_else(|| word.and_then(|word| status_of(&word))).unwrap_or(500);
    map(status, &Report::read_error(error), scrub)
}

/// The HTTP status of one of Google's [words](https://cloud.google.com/apis/design/errors#handling_errors).
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => 400,
        "UNAUTHENTICATED" => 401,
        "PERMISSION_DENIED" => 403,
        "NOT_FOUND" => 404,
        "RESOURCE_EXHAUSTED" => 429,
        "CANCELLED" => 499,
        "UNAVAILABLE" => 503,
        "DEADLINE_EXCEEDED" => 504,
        _ => return None,
    })
}

/// What a body says about an error.
#[derive(Default)]
struct Report {
    message: Option<String>,
    word: Option<String>,
    is_bad_key: bool,
    is_daily: bool,
    /// `retryDelay`, such as `45.837906927s`: Google says it nowhere else.
    retry_delay: Option<String>,
}

impl Report {
    /// The body of a stream is a list.
    fn read(body: Raw<'_>) -> Self {
        let body = if body.kind() == Kind::Array { body.elements().next() } else { Some(body) };
        body.map(|body| Self::read_error(body.get("error").unwrap_or(body))).unwrap_or_default()
    }

    fn read_error(error: Raw<'_>) -> Self {
        let text = |name: &str| error.get(name).and_then(Raw::as_str).map(|text| text.into_owned());
        let mut report = Self { message: text("message"), word: text("status"), ..Self::default() };
        for detail in error.get("details").into_iter().flat_map(Raw::elements) {
            for (key, value) in detail.fields() {
                match &*key.to_str() {
                    "reason" => report.is_bad_key |= is_word(value, "API_KEY_INVALID"),
                    "retryDelay" => report.retry_delay = value.as_str().map(|delay| delay.into_owned()),
                    "violations" => report.is_daily |= value.elements().any(is_daily),
                    _ => {}
                }
            }
        }
        report
    }

    fn says(&self, words: &str) -> bool {
        self.message.as_deref().is_some_and(|message| message.contains(words))
    }
}

fn is_word(value: Raw<'_>, word: &str) -> bool {
    value.as_text().is_some_and(|text| text.eq_str(word))
}

fn is_daily(violation: Raw<'_>) -> bool {
    violation.get("quotaId").and_then(Raw::as_str).is_some_and(|id| id.contains("PerDay"))
}

fn map(status: u16, report: &Report, scrub: &Scrub) -> ApiError {
    match status {
        // With status 400, although they are about the account of the gateway.
        400 if report.is_bad_key || report.says("API key not valid") => ApiError::upstream_auth(),
        400 if report.word.as_deref() == Some("FAILED_PRECONDITION") => {
            let message = "The upstream provider does not serve the gateway's account or region.";
            ApiError::server_error(StatusCode::BAD_GATEWAY, "upstream_precondition", message)
        }
        // The one kind of message that is the client's own business, and so passed on.
        400 => {
            let message = report.message.as_deref().filter(|message| !message.trim().is_empty());
            let message = message.map_or_else(
                || "The upstream provider did not accept the request.".to_owned(),
                |message| scrub.clean(message),
            );
            let error = ApiError::invalid_request(message);
            if report.says("exceeds the maximum number of tokens") {
                error.with_code("context_length_exceeded")
            } else {
                error
            }
        }
        429 if report.is_daily => ApiError::upstream_quota(),
        429 => rate_limited(report.retry_delay.as_deref()),
        499 => ApiError::timeout(),
        503 => ApiError::overloaded("The model is overloaded."),
        _ => StatusCode::from_u16(status).map_or_else(|_| ApiError::internal(), ApiError::upstream_status),
    }
}

/// A 429, with the delay in the headers where SDKs look for it. Google's own text may name our account.
fn rate_limited(delay: Option<&str>) -> ApiError {
    let Some((delay, milliseconds)) = delay.and_then(|delay| Some((delay, milliseconds(delay)?))) else {
        return ApiError::upstream_rate_limited();
    };
    let message = format!("Quota exceeded. Please retry in {delay}.");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message)
        .with_code("rate_limit_exceeded")
        .with_header(RETRY_AFTER, HeaderValue::from(milliseconds.div_ceil(1000)))
        .with_header(RETRY_AFTER_MS, HeaderValue::from(milliseconds))
}

/// The milliseconds in a duration such as `12.3456s`, rounded up.
fn milliseconds(delay: &str) -> Option<u64> {
    let (whole, fraction) = {
        let seconds = delay.strip_suffix('s')?;
        seconds.split_once('.').unwrap_or((seconds, ""))
    };
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || fraction.len() > 9 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let nanoseconds: u64 = format!("{fraction:0<9}").parse().ok()?;
    Some(whole.parse::<u64>().ok()? * 1000 + nanoseconds.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Summary = (u16, String);

    fn summary(error: &ApiError) -> Summary {
        (error.status().as_u16(), error.code().unwrap_or_default().to_owned())
    }

    fn status(status: u16, body: &str) -> ApiError {
        from_status(StatusCode::from_u16(status).unwrap(), body.as_bytes(), &Scrub::new(["AIza-secret"]))
    }

    #[test]
    fn the_table_holds_by_status_and_by_code_and_only_a_400_is_quoted() {
        for (theirs, word, ours, code) in [
            (400, "INVALID_ARGUMENT", 400, ""),
            (400, "FAILED_PRECONDITION", 502, "upstream_precondition"),
            (401, "UNAUTHENTICATED", 502, "upstream_auth_error"),
            (403, "PERMISSION_DENIED", 502, "upstream_auth_error"),
            (404, "NOT_FOUND", 404, "model_not_found"),
            (429, "RESOURCE_EXHAUSTED", 429, "rate_limit_exceeded"),
            (499, "CANCELLED", 504, "timeout"),
            (500, "INTERNAL", 502, "upstream_error"),
            (503, "UNAVAILABLE", 503, "server_is_overloaded"),
            (504, "DEADLINE_EXCEEDED", 504, "timeout"),
        ] {
            let error = format!(r#"{{"code":{theirs},"message":"p-1 with AIza-secret","status":"{word}"}}"#);
            let without_code = format!(r#"{{"message":"p-1 with AIza-secret","status":"{word}"}}"#);
            let scrub = Scrub::new(["AIza-secret"]);
            for error in [
                status(theirs, &format!(r#"{{"error":{error}}}"#)),
                status(theirs, &format!(r#"[{{"error":{error}}}]"#)),
                from_frame(Raw::parse(&error).unwrap(), &scrub),
                from_frame(Raw::parse(&without_code).unwrap(), &scrub),
            ] {
                assert_eq!(summary(&error), (ours, code.to_owned()), "{word}");
                assert_eq!(error.message() == "p-1 with ***", ours == 400, "{}", error.message());
                assert!(!error.message().contains("AIza-secret"));
            }
        }
    }

    #[test]
    fn the_status_wins_over_a_strange_body() {
        for body in
            ["", "<html>10.0.0.1</html>", "null", "[]", "[7]", r#"{"error":"10.0.0.1"}"#, r#"{"error":{"details":7}}"#]
        {
            assert_eq!(summary(&status(503, body)).0, 503);
            assert_eq!(summary(&status(429, body)), (429, "rate_limit_exceeded".to_owned()));
            assert!(!status(400, body).message().contains("10.0.0.1"));
        }
        assert_eq!(summary(&from_frame(Raw::parse("7").unwrap(), &Scrub::default())).0, 502);
    }

    #[test]
    fn a_bad_key_is_not_the_clients_fault() {
        let details = r#"{"error":{"code":400,"message":"x","details":[{"reason":"API_KEY_INVALID"}]}}"#;
        let message = r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key."}}"#;
        for body in [details, message] {
            assert_eq!(summary(&status(400, body)), (502, "upstream_auth_error".to_owned()));
        }
    }

    #[test]
    fn a_prompt_that_is_too_long_has_its_code() {
        let message = "The input token count (2000000) exceeds the maximum number of tokens allowed (1048575).";
        let error = status(400, &format!(r#"{{"error":{{"message":"{message}"}}}}"#));
        assert_eq!(summary(&error), (400, "context_length_exceeded".to_owned()));
    }

    #[test]
    fn the_delay_stands_in_the_headers() {
        let delayed = |delay: &str| status(429, &format!(r#"{{"error":{{"details":[{{"retryDelay":"{delay}"}}]}}}}"#));
        for (delay, seconds, milliseconds) in
            [("12.3456s", "13", "12346"), ("45s", "45", "45000"), ("0.001s", "1", "1")]
        {
            let error = delayed(delay);
            assert_eq!(error.headers()["retry-after"], seconds);
            assert_eq!(error.headers()["retry-after-ms"], milliseconds);
        }
        for delay in ["", "s", "-1s", "1e9s", "1.5", "99999999999s", "1.2.3s", "<b>1s"] {
            assert!(delayed(delay).headers().is_empty(), "{delay}");
        }
    }

    #[test]
    fn the_quota_of_a_day_is_not_worth_a_retry() {
        let body = r#"{"error":{"details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}]}]}}"#;
        let error = status(429, body);
        assert_eq!(summary(&error), (502, "upstream_quota".to_owned()));
        assert_eq!(error.headers()["x-should-retry"], "false");
    }

    #[test]
    fn delays_are_rounded_up_and_nothing_else_is_one() {
        for (delay, expected) in [
            ("12.3456s", Some(12_346)),
            ("0s", Some(0)),
            ("1.000000001s", Some(1_001)),
            ("123456789.123456789s", Some(123_456_789_124)),
            ("1234567890s", None),
            ("1.1234567890s", None),
            ("s", None),
            (".5s", None),
            ("-1s", None),
            ("1.xs", None),
            ("+1s", None),
            ("1", None),
        ] {
            assert_eq!(milliseconds(delay), expected, "{delay}");
        }
    }

    #[test]
    fn only_a_bad_key_is_one() {
        let body = |reason: &str| {
            format!(r#"{{"error":{{"message":"m","status":"INVALID_ARGUMENT","details":[{{"reason":"{reason}"}}]}}}}"#)
        };
        assert_eq!(summary(&status(400, &body("API_KEY_INVALID"))), (502, "upstream_auth_error".to_owned()));
        assert_eq!(summary(&status(400, &body("SOMETHING_ELSE"))), (400, String::new()));
    }
}
