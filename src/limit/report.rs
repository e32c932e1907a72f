use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::Empty;
use tower_service::Service;

use super::limiter::{Limiter, Standings};
use super::refusal::unavailable;
use super::report_json::write_report;
use super::store::{Standing, Subject, SubjectKind};
use crate::body::ResponseBody;
use crate::error::ApiError;
use crate::media_type;

/// `GET /v1/usage`: how the [`Principal`](crate::Principal) in the request's extensions stands with its limits, and how
/// the scopes that it belongs to stand with theirs. Made by [`RateLimitLayer::usage`](super::RateLimitLayer::usage).
///
/// Answers at any path: a router's `route_service("/v1/usage", …)` chooses it, or
/// [`UsageEndpoint`](super::UsageEndpoint). Other methods are 405, counters that cannot be reached 503.
///
/// ```json
/// {
///   "object": "usage",
///   "created": 1700000000,
///   "id": "alice",
///   "requests": {"limit": 60, "remaining": 59, "window_seconds": 60, "reset_at": 1700000001},
///   "tokens": null,
///   "parallel": {"limit": 4, "remaining": 3},
///   "budget": {"limit_usd": "10", "spent_usd": "0.000321", "remaining_usd": "9.999679", "window": "month", "reset_at": 1701388800},
///   "scopes": [
///     {"object": "usage.scope", "id": "team:search", "requests": null, "tokens": null, "parallel": null, "budget": null}
///   ]
/// }
/// ```
///
/// `null` is unlimited. `created` and `reset_at` are Unix seconds; `reset_at` is when all of a window is there again if
/// nothing more is used, or when a budget begins anew (`null` where it never does). Money is a decimal string, exact to
/// the nano-dollar. What is reserved for answers in progress counts as used.
#[derive(Clone)]
pub struct UsageReport {
    limiter: Arc<Limiter>,
}

impl UsageReport {
    pub(super) fn new(limiter: Arc<Limiter>) -> Self {
        Self { limiter }
    }
}

impl<B> Service<Request<B>> for UsageReport {
    type Response = Response<ResponseBody<Empty<Bytes>>>;
    type Error = Infallible;
    type Future = UsageFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> UsageFuture {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return UsageFuture { state: State::Refused };
        }
        let (caller, scopes) = self.limiter.all_subjects(request.extensions());
        let subjects: Vec<Subject> = std::iter::once(caller).chain(scopes).collect();
        let is_limited = |subject: &&Subject| !subject.limits.is_unlimited();
        let limited: Vec<Subject> = subjects.iter().filter(is_limited).cloned().collect();
        let standings = (!limited.is_empty()).then(|| self.limiter.standing(limited));
        UsageFuture { state: State::Asking { standings, subjects, now: self.limiter.clock.now() } }
    }
}

/// The store is not printed.
impl fmt::Debug for UsageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageReport").finish_non_exhaustive()
    }
}

/// The answer of a [`UsageReport`], to come.
#[must_use = "futures do nothing unless polled"]
pub struct UsageFuture {
    state: State,
}

enum State {
    Refused,
    /// `standings` are those of the subjects with limits; without any, nobody is asked.
    Asking {
        standings: Option<Standings>,
        subjects: Vec<Subject>,
        now: Duration,
    },
}

impl Future for UsageFuture {
    type Output = Result<Response<ResponseBody<Empty<Bytes>>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let State::Asking { standings, subjects, now } = &mut self.state else {
            return Poll::Ready(Ok(ApiError::method_not_allowed("GET, HEAD").into_response()));
        };
        let standings = match standings {
            Some(standings) => ready!(standings.as_mut().poll(cx)),
            None => Ok(Vec::new()),
        };
        let subjects = std::mem::take(subjects);
        Poll::Ready(Ok(match standings {
            Ok(standings) => json(&subjects, standings, *now),
            Err(_) => unavailable().into_response(),
        }))
    }
}

fn json(subjects: &[Subject], standings: Vec<Standing>, now: Duration) -> Response<ResponseBody<Empty<Bytes>>> {
    let mut standings = standings.into_iter();
    let all = subjects.iter().map(|subject| {
        let known = if subject.limits.is_unlimited() { None } else { standings.next() };
        (subject, known.unwrap_or_default())
    });
    let mut response = Response::new(ResponseBody::full(write_report(all, now)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type::JSON));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl SubjectKind {
    /// The `object` of what it has used.
    pub(super) fn object(self) -> &'static str {
        match self {
            Self::Caller => "usage",
            Self::Scope => "usage.scope",
        }
    }
}

impl fmt::Debug for UsageFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageFuture").finish_non_exhaustive()
    }
}
