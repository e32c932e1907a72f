use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};

use super::body::TargetBody;
use super::choice::StickyKey;
use super::pool::{Pool, Trial};
use crate::chat::ChatRequest;
use crate::error::{BoxError, FailureClass};
use crate::route::boxed::{Answer, Call};
use crate::route::served::note;
use crate::usage::Attempts;

/// The answer of the target that [`Targets`](super::Targets) chose, or of the next one.
#[must_use = "futures do nothing unless polled"]
pub struct TargetsFuture {
    // In this order: when both are dropped, the call is over before the target is free.
    call: Option<Call>,
    search: Search,
}

/// One request on its way through the targets.
struct Search {
    pool: Pool,
    /// The request for the next target, if there may be one.
    request: Option<Request<ChatRequest>>,
    attempts: Option<Attempts>,
    begun: u32,
    /// The one that is asked.
    trial: Option<Trial>,
    tried: Vec<usize>,
    /// Whether one that rests was tried: one is enough.
    is_desperate: bool,
    /// The first failure that says something of a target, or else the first one.
    failure: Option<(FailureClass, Answer)>,
}

impl TargetsFuture {
    pub(super) fn new(pool: Pool, request: Request<ChatRequest>) -> Self {
        let attempts = request.extensions().get::<Attempts>().cloned();
        let mut search = Search {
            pool,
            request: Some(request),
            attempts,
            begun: 0,
            trial: None,
            tried: Vec::new(),
            is_desperate: false,
            failure: None,
        };
        let call = search.next();
        Self { call, search }
    }
}

impl Search {
    /// Asks the next target, if there is one.
    fn next(&mut self) -> Option<Call> {
        let key = self.request.as_ref()?.extensions().get::<StickyKey>();
        let trial = self.pool.pick(&self.tried, key).or_else(|| {
            let may_try = !self.pool.settings.health.refuse_when_all_rest && !self.is_desperate;
            let trial = may_try.then(|| self.pool.pick_resting(&self.tried)).flatten();
            self.is_desperate |= trial.is_some();
            trial
        })?;
        let is_last = self.tried.len() + 1 >= self.pool.entries.len();
        let request = if is_last { self.request.take() } else { self.request.clone() };
        let call = trial.target().ask(request?);
        self.begun = self.attempts.as_ref().map_or(0, Attempts::count);
        self.trial = Some(trial);
        Some(call)
    }

    /// The target has answered: `Some` if that is the answer.
    fn answered(&mut self, answer: Answer) -> Option<Result<Response<TargetBody>, BoxError>> {
        if let Some(attempts) = &self.attempts {
            note(&answer, attempts, self.begun);
        }
        let (class, headers) = match &answer {
            Ok(response) => (FailureClass::of(response), Some(response.headers())),
            Err(error) => (Some(FailureClass::of_error(&**error)), None),
        };
        let Some(mut trial) = self.trial.take() else { return Some(answer.map(TargetBody::free)) };
        trial.answered(class, headers);
        let Some(class) = class else { return Some(answer.map(|response| TargetBody::watch(response, trial))) };
        if !class.falls_back() && class != FailureClass::Unsupported {
            return Some(answer.map(TargetBody::free));
        }
        self.tried.push(trial.at);
        if self.failure.as_ref().is_none_or(|(before, _)| is_weak(*before) && !is_weak(class)) {
            self.failure = Some((class, answer));
        }
        None
    }

    /// Nobody is left.
    fn failed(&mut self) -> Result<Response<TargetBody>, BoxError> {
        let answer = match self.failure.take() {
            Some((_, answer)) => answer,
            None => Ok(self.pool.all_rest()),
        };
        answer.map(TargetBody::free)
    }
}

/// Whether a failure says nothing of the target: it was not asked.
fn is_weak(class: FailureClass) -> bool {
    matches!(class, FailureClass::Unsupported | FailureClass::Shed)
}

impl Future for TargetsFuture {
    type Output = Result<Response<TargetBody>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        while let Some(call) = &mut this.call {
            let answer = ready!(call.as_mut().poll(cx));
            if let Some(answer) = this.search.answered(answer) {
                return Poll::Ready(answer);
            }
            this.call = this.search.next();
        }
        Poll::Ready(this.search.failed())
    }
}

impl fmt::Debug for TargetsFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetsFuture").field("tried", &self.search.tried).finish_non_exhaustive()
    }
}
