//! What kind of trouble a failure is: what decides whether to try again, where, and who rests.

use std::error::Error;

use http::{Response, StatusCode};

use super::{ApiError, boxed};
use crate::connection::Unanswered;

/// What kind of trouble a failure is, for whoever decides what to do about it: retries, fallbacks, the health of a target.
///
/// It follows from what can be trusted: the status that the provider sent, the code that its dialect has read from it, the
/// error of the transport. [`TranslateLayer`](crate::TranslateLayer) puts it into the extensions of each response that is an
/// error, because only there the provider's own status is known; of other responses [`of`](Self::of) goes by the status.
///
/// ```
/// use tower_completions::ApiError;
/// use tower_completions::error::FailureClass;
///
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// assert_eq!(FailureClass::of_error(&refused), FailureClass::Unreachable);
/// let theirs = FailureClass::of_upstream(http::StatusCode::UNAUTHORIZED, &ApiError::upstream_auth());
/// assert!(theirs == FailureClass::Account && theirs.falls_back() && !theirs.is_retried());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureClass {
    /// No connection could be made: nobody listens, no such name, no TLS.
    Unreachable,
    /// The connection ended before a byte of the answer had come: another one may do.
    Unanswered,
    /// The connection broke after that, or what came was no HTTP.
    Broken,
    /// No answer in time, by our clock or by the provider's own word (408, 504).
    Timeout,
    /// 409: not at this moment.
    Conflict,
    /// 429.
    RateLimited,
    /// 503 and 529.
    Overloaded,
    /// Any other error of the provider's own: 500, 502, a model that failed.
    Failed,
    /// A 200 that is no answer, or an error in a 200, or a redirect. The provider may bill it.
    BadAnswer,
    /// 401, 402, 403, a spent quota: the provider does not serve *our* account.
    Account,
    /// The provider does not know the model: a mistake in our configuration.
    UnknownModel,
    /// The prompt is longer than the model can read.
    ContextWindow,
    /// The provider's policy on content refused the prompt.
    ContentPolicy,
    /// Nothing was sent: the provider's protocol has no words for something in the request.
    Unsupported,
    /// Nothing was sent: a layer on this side had no room, or all targets are resting.
    Shed,
    /// The request itself is at fault: 400, 413, 422.
    Request,
}

impl FailureClass {
    /// The class of a response: `None` of a success.
    pub fn of<B>(response: &Response<B>) -> Option<Self> {
        let status = response.status();
        if status.is_success() {
            return None;
        }
        Some(response.extensions().get().copied().unwrap_or_else(|| Self::of_status(status)))
    }

    /// The class of an error in the place of a response.
    pub fn of_error(error: &(dyn Error + 'static)) -> Self {
        if boxed::chain(error).any(|error| error.is::<Unanswered>()) {
            return Self::Unanswered;
        }
        if boxed::chain(error).any(|error| error.is::<tower::load_shed::error::Overloaded>()) {
            return Self::Shed;
        }
        let told = ApiError::from_error(error);
        match told.code() {
            Some("upstream_unreachable") => Self::Unreachable,
            Some("upstream_error") => Self::Broken,
            _ => Self::of_status(told.status()),
        }
    }

    /// The class of a provider's error: the status that it sent, and what its dialect made of the whole.
    pub fn of_upstream(status: StatusCode, error: &ApiError) -> Self {
        let is_theirs = error.status().is_server_error();
        match error.code() {
            Some("context_length_exceeded") if !is_theirs => Self::ContextWindow,
            Some("content_filter" | "content_policy_violation") if !is_theirs => Self::ContentPolicy,
            Some("model_not_found") => Self::UnknownModel,
            Some("upstream_auth_error" | "upstream_billing" | "upstream_quota" | "upstream_precondition") => {
                Self::Account
            }
            // Nothing came of it, by chance.
            Some("upstream_empty_response" | "upstream_malformed_output") => Self::Failed,
            _ => match Self::of_status(error.status()) {
                Self::Failed if status.is_success() || status.is_redirection() => Self::BadAnswer,
                class => class,
            },
        }
    }

    /// The class of a refusal by a dialect, which sends nothing then.
    pub(crate) fn of_refusal(error: &ApiError) -> Self {
        match error.code() {
            Some("unsupported_parameter" | "unsupported_value") => Self::Unsupported,
            _ => Self::of_status(error.status()),
        }
    }

    /// What a status alone says.
    fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            408 | 504 => Self::Timeout,
            409 => Self::Conflict,
            429 => Self::RateLimited,
            503 | 529 => Self::Overloaded,
            400..=499 => Self::Request,
            _ => Self::Failed,
        }
    }

    /// Whether the same target may be asked again. A 429 also has to say when.
    ///
    /// Not a timeout and not a bad answer: the provider may bill them, and would be paid twice.
    pub fn is_retried(self) -> bool {
        matches!(self, Self::Unanswered | Self::Conflict | Self::RateLimited | Self::Overloaded | Self::Failed)
    }

    /// Whether another target, or another model, may be asked: it is not the request that is at fault.
    pub fn falls_back(self) -> bool {
        !matches!(self, Self::ContextWindow | Self::ContentPolicy | Self::Unsupported | Self::Request)
    }
}

#[cfg(test)]
mod tests {
    use FailureClass::{
        Account, BadAnswer, Broken, Conflict, ContentPolicy, ContextWindow, Failed, Overloaded, RateLimited, Request,
        Shed, Timeout, UnknownModel, Unreachable,
    };

    use super::*;
    use crate::error::BoxError;

    #[test]
    fn a_providers_error_is_known_by_its_status_and_its_code() {
        let upstream =
            |status: u16, error: &ApiError| FailureClass::of_upstream(StatusCode::from_u16(status).unwrap(), error);
        let plain = |status: u16| upstream(status, &ApiError::upstream_status(StatusCode::from_u16(status).unwrap()));
        for (status, class) in [
            (400, Request),
            (401, Account),
            (402, Account),
            (403, Account),
            (404, UnknownModel),
            (408, Timeout),
            (409, Conflict),
            (413, Request),
            (422, Request),
            (429, RateLimited),
            (500, Failed),
            (502, Failed),
            (503, Overloaded),
            (504, Timeout),
            (529, Overloaded),
            (301, BadAnswer),
        ] {
            assert_eq!(plain(status), class, "{status}");
        }
        let invalid = |code: &'static str| ApiError::invalid_request("x").with_code(code);
        assert_eq!(upstream(400, &invalid("context_length_exceeded")), ContextWindow);
        assert_eq!(upstream(400, &invalid("content_filter")), ContentPolicy);
        assert_eq!(upstream(400, &ApiError::upstream_model_not_found()), UnknownModel, "Bedrock says it with a 400");
        assert_eq!(upstream(429, &ApiError::upstream_quota()), Account);
        assert_eq!(upstream(200, &ApiError::upstream_error("")), BadAnswer);
        assert_eq!(upstream(200, &ApiError::upstream_rate_limited()), RateLimited);
        assert_eq!(upstream(200, &ApiError::upstream_empty()), Failed);
        assert_eq!(upstream(200, &ApiError::upstream_too_large()), BadAnswer);
    }

    #[test]
    fn an_error_of_the_transport_is_known_by_what_caused_it() {
        let io = |kind| std::io::Error::from(kind);
        let inside = |error: BoxError| std::io::Error::other(error);
        for (error, class) in [
            (io(std::io::ErrorKind::ConnectionRefused), Unreachable),
            (io(std::io::ErrorKind::TimedOut), Timeout),
            (io(std::io::ErrorKind::ConnectionReset), Broken),
            (inside(tower::timeout::error::Elapsed::new().into()), Timeout),
            (inside(tower::load_shed::error::Overloaded::new().into()), Shed),
            (inside(crate::connection::Unanswered::new("closed").into()), FailureClass::Unanswered),
            (inside(ApiError::invalid_request("x").into()), Request),
        ] {
            assert_eq!(FailureClass::of_error(&error), class, "{error:?}");
        }
    }

    #[test]
    fn who_says_nothing_is_known_by_the_status() {
        let of = |status: u16, class: Option<FailureClass>| {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            class.map(|class| response.extensions_mut().insert(class));
            FailureClass::of(&response)
        };
        assert_eq!(of(200, Some(Account)), None);
        assert_eq!((of(502, Some(Account)), of(502, None)), (Some(Account), Some(Failed)));
        assert_eq!((of(404, None), of(302, None)), (Some(Request), Some(Failed)));
    }
}
