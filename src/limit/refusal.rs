//! What a client is told when a limit refuses it.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};

use super::headers::{GoDuration, retry_after};
use super::store::{Dimension, Refusal, SubjectKind};
use crate::decimal::usd;
use crate::error::ApiError;

const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// When to come back where nobody knows: an answer in progress ends when it ends.
const SOON: Duration = Duration::from_secs(1);
/// When to look again where only a change of the limit helps.
const LATER: Duration = Duration::from_secs(60);

impl Dimension {
    /// The word for it in headers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Parallel => "parallel",
            Self::Budget => "budget",
        }
    }
}

/// 429, with the words by which OpenAI's SDKs and their users know what to do: `rate_limit_exceeded` is worth another
/// try, `insufficient_quota` is not.
pub(super) fn refused(refusal: &Refusal) -> ApiError {
    let (kind, code) = match refusal.dimension {
        Dimension::Budget => ("insufficient_quota", "insufficient_quota"),
        _ => ("rate_limit_error", "rate_limit_exceeded"),
    };
    let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, kind, message(refusal)).with_code(code);
    match (refusal.dimension, refusal.retry_after) {
        (Dimension::Budget, _) => no_retry(error),
        (_, Some(wait)) => come_back(error, wait),
        (Dimension::Parallel, None) if refusal.limit > 0 => come_back(error, SOON),
        (_, None) => no_retry(come_back(error, LATER)),
    }
}

/// 503: the counters cannot be reached. What is wrong with them is not the client's business.
pub(super) fn unavailable() -> ApiError {
    ApiError::server_error(
        StatusCode::SERVICE_UNAVAILABLE,
        "limits_unavailable",
        "The limits could not be checked at the moment; try again shortly.",
    )
    .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
}

fn come_back(error: ApiError, wait: Duration) -> ApiError {
    retry_after(wait).into_iter().fold(error, |error, (name, value)| error.with_header(name, value))
}

fn no_retry(error: ApiError) -> ApiError {
    error.with_header(SHOULD_RETRY, HeaderValue::from_static("false"))
}

fn message(refusal: &Refusal) -> String {
    let Refusal { kind, id, dimension, limit, used, asked, retry_after } = refusal;
    let whose = match kind {
        SubjectKind::Caller => "key",
        SubjectKind::Scope => "scope",
    };
    let left = limit.saturating_sub(*used);
    let figures = match dimension {
        Dimension::Budget => {
            format!(
                "${} of ${} are spent or reserved, and this request may cost ${}",
                usd(*used),
                usd(*limit),
                usd(*asked)
            )
        }
        _ => format!("{left} of {limit} are left, and this request asks for {asked}"),
    };
    let what = match dimension {
        Dimension::Requests => "Rate limit of requests",
        Dimension::Tokens => "Rate limit of tokens",
        Dimension::Parallel => "Limit of answers in progress",
        Dimension::Budget => "Budget",
    };
    let when = match (dimension, retry_after) {
        (Dimension::Budget, Some(wait)) => format!("There is money again in {}.", GoDuration(*wait)),
        (_, Some(wait)) => format!("Try again in {}.", GoDuration(*wait)),
        (Dimension::Parallel, None) if *limit > 0 => "Try again when another answer has ended.".to_owned(),
        (_, None) => "Only a higher limit helps.".to_owned(),
    };
    format!("{what} reached for the {whose} '{id}': {figures}. {when}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(dimension: Dimension, limit: u64, retry_after: Option<Duration>) -> ApiError {
        let kind = SubjectKind::Caller;
        refused(&Refusal { kind, id: "alice".into(), dimension, limit, used: limit, asked: 1, retry_after })
    }

    fn header<'a>(error: &'a ApiError, name: &str) -> Option<&'a str> {
        error.headers().get(name)?.to_str().ok()
    }

    #[test]
    fn each_limit_has_its_words() {
        let wait = Some(Duration::from_millis(1200));
        for (error, kind, seconds, ms, should_retry) in [
            (refusal(Dimension::Requests, 60, wait), "rate_limit_error", Some("2"), Some("1200"), None),
            (refusal(Dimension::Tokens, 60, wait), "rate_limit_error", Some("2"), Some("1200"), None),
            (refusal(Dimension::Parallel, 2, None), "rate_limit_error", Some("1"), Some("1000"), None),
            (refusal(Dimension::Requests, 0, None), "rate_limit_error", Some("60"), Some("60000"), Some("false")),
            (refusal(Dimension::Parallel, 0, None), "rate_limit_error", Some("60"), Some("60000"), Some("false")),
            (refusal(Dimension::Budget, 60, wait), "insufficient_quota", None, None, Some("false")),
            (refusal(Dimension::Budget, 60, None), "insufficient_quota", None, None, Some("false")),
        ] {
            assert_eq!((error.status().as_u16(), error.kind()), (429, kind));
            let told =
                (header(&error, "retry-after"), header(&error, "retry-after-ms"), header(&error, "x-should-retry"));
            assert_eq!(told, (seconds, ms, should_retry), "{error}");
        }
    }

    #[test]
    fn the_message_says_which_how_much_and_when() {
        let tokens = Refusal {
            kind: SubjectKind::Scope,
            id: "team:search".into(),
            dimension: Dimension::Tokens,
            limit: 1000,
            used: 900,
            asked: 200,
            retry_after: Some(Duration::from_secs(6)),
        };
        assert_eq!(
            refused(&tokens).message(),
            "Rate limit of tokens reached for the scope 'team:search': 100 of 1000 are left, and this request asks for \
             200. Try again in 6s."
        );
        let budget = Refusal { dimension: Dimension::Budget, limit: 1_500_000_000, retry_after: None, ..tokens };
        assert_eq!(
            refused(&budget).message(),
            "Budget reached for the scope 'team:search': $0.0000009 of $1.5 are spent or reserved, and this request may \
             cost $0.0000002. Only a higher limit helps."
        );
    }

    #[test]
    fn without_a_wait_it_says_what_helps_instead() {
        let end = |dimension, limit| refusal(dimension, limit, None).message().rsplit_once(". ").unwrap().1.to_owned();
        assert_eq!(end(Dimension::Parallel, 2), "Try again when another answer has ended.");
        assert_eq!(end(Dimension::Parallel, 0), "Only a higher limit helps.");
        assert_eq!(end(Dimension::Tokens, 0), "Only a higher limit helps.");
    }
}
