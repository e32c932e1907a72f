//! Errors of an OpenAI-shaped upstream.

use http::StatusCode;

use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};
use crate::translate::scrub::Scrub;

/// What an error status means to the client.
///
/// The provider's own words are passed on only for the client's own mistakes. A refusal of *our* key is not the
/// client's business, and must not look like a refusal of theirs.
pub(super) fn from_status(status: StatusCode, body: &[u8], scrub: &Scrub) -> ApiError {
    let body = Raw::from_bytes(body).ok();
    // Mistral, vLLM and what is made with FastAPI have no object of its own for the error.
    let error = body.and_then(|body| body.get("error")).or(body).filter(|error| !error.is_null());
    match status.as_u16() {
        // Groq: no capacity for a flexible request.
        498 => ApiError::overloaded("The upstream provider is overloaded."),
        429 => rate_limited(error),
        400 | 409 | 413 | 422 => clients_own(status, error, scrub),
        _ => ApiError::upstream_status(status),
    }
}

/// An error object in place of an answer, with a 200. A provider that does so cannot be trusted to say whose mistake it
/// was: only that it is busy is believed.
pub(super) fn from_answer(error: Raw<'_>, scrub: &Scrub) -> ApiError {
    let error = from_event(error, scrub);
    let is_clients = error.status().is_client_error() && error.status() != StatusCode::TOO_MANY_REQUESTS;
    if is_clients { ApiError::upstream_error("The upstream provider failed.") } else { error }
}

/// An error object inside a stream: its own type or code says which status it would have had.
pub(super) fn from_event(error: Raw<'_>, scrub: &Scrub) -> ApiError {
    let code = error.get("code");
    let number = code.and_then(Raw::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = number.and_then(|code| StatusCode::from_u16(code).ok()).filter(|status| status.as_u16() >= 400);
    if let Some(status) = status {
        return from_status(status, format!(r#"{{"error":{}}}"#, error.text()).as_bytes(), scrub);
    }
    let word = |field: &str| error.get(field).and_then(Raw::as_str).unwrap_or_default();
    match (&*word("type"), &*word("code")) {
        ("invalid_request_error", "invalid_api_key") | ("authentication_error" | "permission_error", _) => {
            ApiError::upstream_auth()
        }
        ("invalid_request_error", _) => clients_own(StatusCode::BAD_REQUEST, Some(error), scrub),
        ("rate_limit_error" | "requests" | "tokens" | "insufficient_quota", _) | (_, "rate_limit_exceeded") => {
            rate_limited(Some(error))
        }
        ("overloaded_error" | "service_unavailable_error", _) | (_, "server_is_overloaded") => {
            ApiError::overloaded("The upstream provider is overloaded.")
        }
        _ => ApiError::upstream_error("The upstream provider failed in the middle of its answer."),
    }
}

/// The same where the provider's own words may be passed on.
pub(super) fn quoted(error: Raw<'_>, scrub: &Scrub) -> ApiError {
    let plain = from_event(error, scrub);
    let message = field(Some(error), "message").filter(|message| !message.is_blank());
    match message.filter(|_| plain.status().is_server_error() && plain.code() == Some("upstream_error")) {
        Some(message) => ApiError::upstream_error(scrub.clean(&message.to_str())),
        None => plain,
    }
}

fn field<'a>(error: Option<Raw<'a>>, name: &str) -> Option<Text<'a>> {
    error?.get(name)?.as_text()
}

fn clients_own(status: StatusCode, error: Option<Raw<'_>>, scrub: &Scrub) -> ApiError {
    let plain = ApiError::upstream_status(status);
    let Some(message) = error.and_then(said).filter(|message| !message.is_blank()) else { return plain };
    let kind = field(error, "type").map_or("invalid_request_error".into(), |kind| scrub.clean(&kind.to_str()));
    let mut api_error = ApiError::new(plain.status(), kind, scrub.clean(&message.to_str()));
    if let Some(param) = field(error, "param") {
        api_error = api_error.with_param(scrub.clean(&param.to_str()));
    }
    let code = error.and_then(|error| error.get("code")).and_then(|code| match code.kind() {
        Kind::Number => Some(code.text().to_owned()),
        _ => code.as_text().map(|code| scrub.clean(&code.to_str())),
    });
    let api_error = match code.or_else(|| plain.code().map(str::to_owned)) {
        Some(code) => api_error.with_code(code),
        None => api_error,
    };
    filtered(api_error, error, scrub)
}

/// What Azure's filter found stays with the error: applications show it to their users.
fn filtered(mut api_error: ApiError, error: Option<Raw<'_>>, scrub: &Scrub) -> ApiError {
    if api_error.code() != Some("content_filter") {
        return api_error;
    }
    for name in ["status", "innererror"] {
        let detail =
            error.and_then(|error| error.get(name)).filter(|detail| scrub.clean(detail.text()) == detail.text());
        if let Some(detail) = detail {
            api_error = api_error.with_detail(name, detail);
        }
    }
    api_error
}

/// What an error says, in every form that is known: a text, an object with a message, FastAPI's list of details, and
/// Mistral's, which has that list in the message.
fn said(error: Raw<'_>) -> Option<Text<'_>> {
    let message = error.get("message");
    error.as_text().or_else(|| message?.as_text()).or_else(|| detail(message?)).or_else(|| detail(error))
}

fn detail(object: Raw<'_>) -> Option<Text<'_>> {
    let detail = object.get("detail")?;
    detail.as_text().or_else(|| detail.elements().next()?.get("msg")?.as_text())
}

/// The provider's text may name the account, so it is not passed on.
fn rate_limited(error: Option<Raw<'_>>) -> ApiError {
    let is = |word: &str| ["type", "code"].iter().any(|name| field(error, name).is_some_and(|text| text.eq_str(word)));
    if is("insufficient_quota") || is("credit_balance_exhausted") || is("exceeded_current_quota_error") {
        ApiError::upstream_quota()
    } else if is("engine_overloaded_error") {
        ApiError::overloaded("The upstream provider is overloaded.")
    } else {
        ApiError::upstream_rate_limited()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (status, expected, code) in [
            (400, 400, Some("c")),
            (401, 502, Some("upstream_auth_error")),
            (402, 502, Some("upstream_billing")),
            (403, 502, Some("upstream_auth_error")),
            (404, 404, Some("model_not_found")),
            (408, 504, Some("timeout")),
            (409, 409, Some("c")),
            (413, 413, Some("c")),
            (422, 400, Some("c")),
            (429, 429, Some("rate_limit_exceeded")),
            (500, 502, Some("upstream_error")),
            (502, 502, Some("upstream_error")),
            (503, 503, Some("server_is_overloaded")),
            (504, 504, Some("timeout")),
            (529, 503, Some("server_is_overloaded")),
        ] {
            let body = br#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#;
            let error = from_status(StatusCode::from_u16(status).unwrap(), body, &Scrub::default());
            assert_eq!((error.status().as_u16(), error.code()), (expected, code), "{status}");
        }
    }

    #[test]
    fn the_clients_own_mistake_is_passed_on_without_secrets() {
        let body =
            br#"{"error":{"message":"sk-1 is odd","type":"invalid_request_error","param":"temperature","code":null}}"#;
        let error = from_status(StatusCode::BAD_REQUEST, body, &Scrub::new(["sk-1"]));
        assert_eq!((error.message(), error.param(), error.code()), ("*** is odd", Some("temperature"), None));
    }

    #[test]
    fn whatever_comes_is_read_leniently() {
        for body in ["", "<html>", "[]", r#"{"error":"text"}"#, r#"{"error":{"message":7}}"#, "\u{0}"] {
            let error = from_status(StatusCode::BAD_REQUEST, body.as_bytes(), &Scrub::default());
            assert_eq!(error.status(), 400);
            assert!(!error.message().is_empty());
        }
    }

    #[test]
    fn messages_are_found_in_every_form() {
        for body in [
            r#"{"error":{"message":"no"}}"#,
            r#"{"error":"no"}"#,
            r#"{"object":"error","message":"no","type":"invalid_request_error"}"#,
            r#"{"object":"error","message":{"detail":[{"loc":["body","x"],"msg":"no"}]}}"#,
            r#"{"detail":[{"loc":["body","x"],"msg":"no"}]}"#,
            r#"{"detail":"no"}"#,
            r#"{"code":"some","error":"no"}"#,
        ] {
            let error = from_status(StatusCode::UNPROCESSABLE_ENTITY, body.as_bytes(), &Scrub::default());
            assert_eq!((error.status().as_u16(), error.message()), (400, "no"), "{body}");
        }
        let numbered = br#"{"error":{"message":"no","code":3230}}"#;
        assert_eq!(from_status(StatusCode::BAD_REQUEST, numbered, &Scrub::default()).code(), Some("3230"));
    }

    #[test]
    fn busy_and_broke_are_told_apart() {
        let error = |kind: &str| {
            let body = format!(r#"{{"error":{{"message":"m","type":"{kind}"}}}}"#);
            from_status(StatusCode::TOO_MANY_REQUESTS, body.as_bytes(), &Scrub::default()).code().unwrap().to_owned()
        };
        assert_eq!(error("exceeded_current_quota_error"), "upstream_quota");
        assert_eq!(error("engine_overloaded_error"), "server_is_overloaded");
        assert_eq!(error("rate_limit_reached_error"), "rate_limit_exceeded");
        let flex = from_status(StatusCode::from_u16(498).unwrap(), b"", &Scrub::default());
        assert_eq!(flex.status(), 503);
    }

    #[test]
    fn our_spent_quota_is_not_the_clients() {
        let body = br#"{"error":{"message":"org-7","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        let error = from_status(StatusCode::TOO_MANY_REQUESTS, body, &Scrub::default());
        assert_eq!((error.status().as_u16(), error.code()), (502, Some("upstream_quota")));
    }
}
