use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower::retry::Policy;
use tower::retry::budget::{Budget, TpsBudget};

use crate::chat::ChatRequest;
use crate::clock::{Clock, SystemClock};
use crate::connection::FreshConnection;
use crate::error::{ApiError, BoxError, FailureClass};
use crate::random::Random;
use crate::retry_after::retry_after;
use crate::usage::Attempts;

/// Asks the same service again after a failure that passes, for [`tower::retry::Retry`].
///
/// What is retried, [`FailureClass::is_retried`] says: errors and overload of the provider, a 409, a 429 that says when to
/// come again, and a connection that ended before a byte of the answer. Such a connection is replaced at once, by a fresh
/// one; before anything else there is a wait, which doubles, with chance in it, and is never shorter than what `retry-after`
/// asks. A wait that would be too long, `x-should-retry: false`, a 429 without `retry-after` (it may be a limit on money) and
/// an empty budget end it. A response whose first byte is there is never retried: [`TranslateLayer`](crate::TranslateLayer)
/// answers with the first event, not before.
///
/// The error has to be a [`BoxError`]. The wait is tokio's, so a runtime with its timer enabled is needed.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// use tower::{ServiceBuilder, ServiceExt};
/// use tower_completions::mock::{Answer, Mock};
/// use tower_completions::route::RetryPolicy;
/// use tower_completions::translate::OpenAi;
/// use tower_completions::{BoxError, ChatRequest, TranslateLayer};
///
/// let mock = Mock::openai();
/// mock.answer(Answer::error(500)).answer(Answer::error(429).header("retry-after", "2"));
/// let model = ServiceBuilder::new()
///     .retry(RetryPolicy::new())
///     .map_err(BoxError::from)
///     .layer(TranslateLayer::new(OpenAi::new("https://api.openai.com/v1")?))
///     .service(mock.clone());
///
/// let chat = ChatRequest::from_bytes(r#"{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}"#)?;
/// assert_eq!(model.oneshot(http::Request::new(chat)).await?.status(), 200);
/// assert_eq!(mock.received(), 3);
/// # Ok::<(), BoxError>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct RetryPolicy {
    settings: Arc<Settings>,
    /// Of this one request.
    retries: u32,
}

#[derive(Clone)]
struct Settings {
    retries: u32,
    backoff: Duration,
    max_backoff: Duration,
    max_wait: Duration,
    budget: Arc<dyn Budget + Send + Sync>,
    clock: Arc<dyn Clock>,
    random: Random,
}

impl RetryPolicy {
    /// At most 2 retries: the first after up to 0.5 seconds, the second after up to 1, and at least half of that;
    /// `retry-after` is followed up to 5 seconds. The budget is tower's own: a fifth of the requests, and 10 a second.
    pub fn new() -> Self {
        let settings = Settings {
            retries: 2,
            backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(5),
            max_wait: Duration::from_secs(5),
            budget: Arc::new(TpsBudget::default()),
            clock: Arc::new(SystemClock::new()),
            random: Random::new(),
        };
        Self { settings: Arc::new(settings), retries: 0 }
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// How many retries one request may have.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        self.with(|settings| settings.retries = retries)
    }

    /// The longest first wait, and the longest of all: it doubles from one to the other.
    #[must_use]
    pub fn backoff(self, first: Duration, longest: Duration) -> Self {
        self.with(|settings| (settings.backoff, settings.max_backoff) = (first, longest.max(first)))
    }

    /// The longest `retry-after` that is waited for. A longer one is the client's to wait for, or a fallback's to spare it.
    #[must_use]
    pub fn max_wait(self, longest: Duration) -> Self {
        self.with(|settings| settings.max_wait = longest)
    }

    /// The budget, which all requests of this policy's clones share: each request deposits, each retry withdraws.
    #[must_use]
    pub fn budget(self, budget: impl Budget + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.budget = Arc::new(budget))
    }

    /// The clock for a `retry-after` that is a date: the machine's by default.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.with(|settings| settings.clock = Arc::new(clock))
    }

    /// Where chance comes from.
    #[must_use]
    pub fn random(self, random: Random) -> Self {
        self.with(|settings| settings.random = random)
    }

    /// How long to wait before the next try. `None` if there should be none.
    fn wait(&self, class: FailureClass, headers: Option<&HeaderMap>) -> Option<Duration> {
        let settings = &*self.settings;
        if headers.is_some_and(|headers| headers.get("x-should-retry").is_some_and(|value| value == "false")) {
            return None;
        }
        match headers.and_then(|headers| retry_after(headers, settings.clock.now())) {
            Some(asked) if asked > settings.max_wait => None,
            // Not all at the same moment.
            Some(asked) => Some(asked.max(self.jittered(self.ceiling())).saturating_add(self.jittered(JITTER))),
            None if class == FailureClass::RateLimited => None,
            None if class == FailureClass::Unanswered && self.retries == 0 => Some(Duration::ZERO),
            None => Some(self.jittered(self.ceiling())),
        }
    }

    fn ceiling(&self) -> Duration {
        let settings = &*self.settings;
        settings.backoff.saturating_mul(2_u32.saturating_pow(self.retries)).min(settings.max_backoff)
    }

    /// Between a half of it and all of it.
    fn jittered(&self, longest: Duration) -> Duration {
        longest.mul_f64(0.5 + self.settings.random.unit() / 2.0)
    }
}

/// What is added to a wait that was asked for.
const JITTER: Duration = Duration::from_millis(100);

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Policy<Request<ChatRequest>, Response<B>, BoxError> for RetryPolicy {
    type Future = RetryWait;

    fn retry(
        &mut self,
        request: &mut Request<ChatRequest>,
        result: &mut Result<Response<B>, BoxError>,
    ) -> Option<RetryWait> {
        if self.retries == 0 {
            self.settings.budget.deposit();
        }
        let (class, headers) = match result {
            Ok(response) => (FailureClass::of(response)?, Some(response.headers())),
            Err(error) => (FailureClass::of_error(&**error), None),
        };
        if self.retries >= self.settings.retries || !class.is_retried() {
            return None;
        }
        let wait = self.wait(class, headers)?;
        if !self.settings.budget.withdraw() {
            return None;
        }
        if let (Err(error), Some(attempts)) = (&*result, request.extensions().get::<Attempts>()) {
            attempts.failed(&ApiError::from_error(&**error));
        }
        if class == FailureClass::Unanswered {
            request.extensions_mut().insert(FreshConnection);
        }
        self.retries += 1;
        Some(RetryWait { sleep: (!wait.is_zero()).then(|| sleep(wait)) })
    }

    fn clone_request(&mut self, request: &Request<ChatRequest>) -> Option<Request<ChatRequest>> {
        Some(request.clone())
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy").field("retries", &self.settings.retries).finish_non_exhaustive()
    }
}

pin_project! {
    /// The wait before a retry.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryWait {
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Future for RetryWait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.as_pin_mut().map_or(Poll::Ready(()), |sleep| sleep.poll(cx))
    }
}

#[cfg(test)]
mod tests;
