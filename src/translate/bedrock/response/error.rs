//! Bedrock's exceptions, with an HTTP status and inside a stream, as OpenAI's errors.

use http::StatusCode;

use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::decode::Unreadable;
use crate::translate::scrub::Scrub;

/// An answer with an error status. The exception's name stands in `x-amzn-errortype` or in the body; without one the status
/// decides.
pub(super) fn from_status(status: StatusCode, header: Option<&str>, body: &[u8], scrub: &Scrub) -> ApiError {
    let body = Raw::from_bytes(body).ok();
    let named = header.map(str::to_owned).or_else(|| body.and_then(named)).unwrap_or_default();
    let message = body.and_then(message);
    exception(plain(&named), message.as_deref(), scrub).unwrap_or_else(|| match status.as_u16() {
        400 => invalid(message.as_deref(), scrub),
        424 => failed(),
        _ => ApiError::upstream_status(status),
    })
}

/// An exception or an error inside a stream.
pub(super) fn from_frame(name: &str, payload: &[u8], scrub: &Scrub) -> ApiError {
    let message = Raw::from_bytes(payload).ok().and_then(message);
    exception(plain(name), message.as_deref(), scrub).unwrap_or_else(failed)
}

/// A 200 with something else than an answer in it: so Bedrock answers at a path that it does not know.
pub(super) fn not_an_answer(body: Raw<'_>, scrub: &Scrub) -> ApiError {
    let named = named(body).or_else(|| named(body.get("Output")?)).unwrap_or_default();
    match plain(&named) {
        "" => Unreadable.into(),
        "UnknownOperationException" => {
            let message = "The upstream did not recognise the request.";
            ApiError::server_error(StatusCode::BAD_GATEWAY, "upstream_bad_route", message)
        }
        name => exception(name, message(body).as_deref(), scrub).unwrap_or_else(failed),
    }
}

fn named(body: Raw<'_>) -> Option<String> {
    body.get("__type").and_then(Raw::as_str).map(|name| name.into_owned())
}

fn message(body: Raw<'_>) -> Option<String> {
    let message = body.get("message").or_else(|| body.get("Message")).and_then(Raw::as_str)?;
    (!message.trim().is_empty()).then(|| message.into_owned())
}

/// `com.amazon.coral.service#ThrottlingException:http://…` without what stands around the name.
fn plain(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim()
}

/// What an exception means. In a stream the names begin in lower case.
fn exception(name: &str, message: Option<&str>, scrub: &Scrub) -> Option<ApiError> {
    let says = |words: &[&str]| message.is_some_and(|message| words.iter().any(|words| message.contains(words)));
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    Some(match () {
        () if is("ValidationException") => {
            if says(&["model identifier is invalid", "on-demand throughput"]) {
                ApiError::upstream_model_not_found()
            } else if says(&["Input is too long", "too many tokens", "Too many tokens"]) {
                invalid(message, scrub).with_code("context_length_exceeded")
            } else {
                invalid(message, scrub)
            }
        }
        () if is("AccessDeniedException")
            || is("UnrecognizedClientException")
            || is("InvalidSignatureException")
            || is("ExpiredTokenException")
            || is("MissingAuthenticationTokenException") =>
        {
            ApiError::upstream_auth()
        }
        () if is("ResourceNotFoundException") => ApiError::upstream_model_not_found(),
        () if is("ModelTimeoutException") => ApiError::timeout(),
        () if is("ThrottlingException") => throttled(message, scrub),
        () if is("ModelNotReadyException") => ApiError::overloaded("The model is being loaded; try again."),
        () if is("ServiceQuotaExceededException") => ApiError::upstream_quota(),
        () if is("ServiceUnavailableException") => ApiError::overloaded("The upstream provider is overloaded."),
        () if is("ModelErrorException") || is("ModelStreamErrorException") || is("InternalServerException") => failed(),
        () => return None,
    })
}

/// The one kind of message that is the client's own business, and so passed on.
fn invalid(message: Option<&str>, scrub: &Scrub) -> ApiError {
    let unsaid = || "The upstream provider did not accept the request.".to_owned();
    ApiError::invalid_request(message.map_or_else(unsaid, |message| scrub.clean(message)))
}

/// A 429. AWS's own sentences say what there was too much of, and nothing of the account.
fn throttled(message: Option<&str>, scrub: &Scrub) -> ApiError {
    match message.filter(|message| message.starts_with("Too many ") && message.len() < 100) {
        Some(message) => {
            let message = scrub.clean(message);
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message).with_code("rate_limit_exceeded")
        }
        None => ApiError::upstream_rate_limited(),
    }
}

fn failed() -> ApiError {
    ApiError::upstream_error("The upstream provider failed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    type Summary = (u16, String);

    fn summary(error: &ApiError) -> Summary {
        (error.status().as_u16(), error.code().unwrap_or_default().to_owned())
    }

    const TABLE: [(&str, u16, u16, &str); 17] = [
        ("ValidationException", 400, 400, ""),
        ("AccessDeniedException", 403, 502, "upstream_auth_error"),
        ("UnrecognizedClientException", 403, 502, "upstream_auth_error"),
        ("InvalidSignatureException", 403, 502, "upstream_auth_error"),
        ("ExpiredTokenException", 400, 502, "upstream_auth_error"),
        ("MissingAuthenticationTokenException", 403, 502, "upstream_auth_error"),
        ("ResourceNotFoundException", 404, 404, "model_not_found"),
        ("ModelTimeoutException", 408, 504, "timeout"),
        ("ModelErrorException", 424, 502, "upstream_error"),
        ("ModelStreamErrorException", 424, 502, "upstream_error"),
        ("ThrottlingException", 429, 429, "rate_limit_exceeded"),
        ("ModelNotReadyException", 429, 503, "server_is_overloaded"),
        ("ServiceQuotaExceededException", 400, 502, "upstream_quota"),
        ("InternalServerException", 500, 502, "upstream_error"),
        ("ServiceUnavailableException", 503, 503, "server_is_overloaded"),
        ("SomethingNewException", 400, 400, ""),
        ("SomethingNewException", 424, 502, "upstream_error"),
    ];

    #[test]
    fn the_table_holds_wherever_the_name_stands_and_only_a_400_is_quoted() {
        let scrub = Scrub::new(["key-secret"]);
        for (name, status, ours, code) in TABLE {
            let status = StatusCode::from_u16(status).unwrap();
            let message = r#""message":"123456789012 with key-secret""#;
            let in_body = format!(r#"{{"__type":"com.amazon.coral.service#{name}",{message}}}"#);
            let header = format!("{name}:http://internal.amazon.com/");
            let plain = format!("{{{message}}}");
            for error in [
                from_status(status, None, in_body.as_bytes(), &scrub),
                from_status(status, Some(&header), plain.as_bytes(), &scrub),
            ] {
                assert_eq!(summary(&error), (ours, code.to_owned()), "{name}");
                assert_eq!(error.message() == "123456789012 with ***", ours == 400, "{}", error.message());
                assert!(!error.message().contains("key-secret"));
            }
            if !name.starts_with("Something") {
                let name = format!("{}{}", name[..1].to_ascii_lowercase(), &name[1..]);
                assert_eq!(summary(&from_frame(&name, plain.as_bytes(), &scrub)), (ours, code.to_owned()));
            }
        }
        assert_eq!(summary(&from_frame("somethingNew", b"{}", &scrub)), (502, "upstream_error".to_owned()));
    }

    #[test]
    fn messages_tell_some_errors_apart() {
        let error = |message: &str| {
            let body = format!(r#"{{"message":"{message}"}}"#);
            let header = Some("ValidationException");
            summary(&from_status(StatusCode::BAD_REQUEST, header, body.as_bytes(), &Scrub::default()))
        };
        assert_eq!(error("Input is too long for requested model."), (400, "context_length_exceeded".to_owned()));
        assert_eq!(error("The provided model identifier is invalid."), (404, "model_not_found".to_owned()));
        let on_demand = "Invocation of model ID x with on-demand throughput isn’t supported.";
        assert_eq!(error(on_demand), (404, "model_not_found".to_owned()));
    }

    #[test]
    fn the_status_decides_where_there_is_no_name() {
        for body in ["", "<html>10.0.0.1</html>", "null", "[]", r#"{"message":7}"#] {
            for (status, ours) in [(400, 400), (403, 502), (404, 404), (429, 429), (500, 502), (503, 503), (302, 502)] {
                let status = StatusCode::from_u16(status).unwrap();
                let error = from_status(status, None, body.as_bytes(), &Scrub::default());
                assert_eq!(error.status(), ours, "{status}");
                assert!(!error.message().contains("10.0.0.1"));
            }
        }
    }
}
