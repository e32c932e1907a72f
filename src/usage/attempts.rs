//! What was tried upstream for one request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Extensions, StatusCode};

use super::observed::{Observed, UsageCell};
use super::scope::Scope;
use super::tokens::{Usage, UsageSource};
use crate::error::ApiError;

/// A request extension: what was tried upstream for this request, in order, whatever came of it.
///
/// Whoever wants to know puts one into the request: the meter, or a router that tries more than one target. The router hands
/// each target a handle [`for_model`](Self::for_model); whoever sends a request to a provider [`begin`](Self::begin)s an
/// attempt. It lives outside the response, so that failed attempts and a client that leaves before any answer are known, too.
/// Cheap to clone; all clones are the same list.
///
/// ```
/// use tower_completions::usage::{Attempts, UsageCell};
///
/// let attempts = Attempts::new();
/// let target = attempts.for_model("fast");
/// let cell = UsageCell::new();
/// let first = target.begin("openai", "gpt-4o-mini", cell);
/// target.answered(first, http::StatusCode::OK);
/// let tried = attempts.list();
/// assert_eq!((tried.len(), &*tried[0].provider, &*tried[0].model), (1, "openai", "fast"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    list: Arc<Mutex<List>>,
    model: Option<Arc<str>>,
    /// How many there were before whoever has this handle was asked.
    from: usize,
    /// Who may answer in the place of whoever has this handle.
    scope: Option<Arc<Scope>>,
}

/// Hardly any request needs more than one attempt: the first one has no allocation of its own.
#[derive(Debug, Default)]
struct List {
    first: Option<Attempt>,
    more: Vec<Attempt>,
}

impl List {
    fn count(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    /// The last one, unless there were no more than so many.
    fn last(&self, from: usize) -> Option<&Attempt> {
        self.more.last().or(self.first.as_ref()).filter(|_| self.count() > from)
    }
}

/// One request to a provider.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The provider's configured name.
    pub provider: Arc<str>,
    /// The configured id of the model that was tried: the one whose price counts.
    pub model: Arc<str>,
    /// The status that the provider answered with; `None` if it did not answer.
    pub status: Option<StatusCode>,
    /// What was seen of the answer, and the code of the error if it failed.
    pub cell: UsageCell,
    /// Whether whoever sent the request got an error instead of an answer.
    broke: bool,
}

impl Attempt {
    /// The attempt of a service that answered without saying that it was one.
    pub(super) fn unlisted(model: Arc<str>, status: StatusCode, cell: UsageCell) -> Self {
        Self { provider: "".into(), model, status: Some(status), cell, broke: false }
    }

    /// What the attempt used, as far as anybody knows: the one sum that limits and ledger charge. `prompt_tokens` is what
    /// the prompt is worth where the provider has said nothing of it. See [`Observed::settled`].
    ///
    /// Who was sent a request and has said nothing may have read it; who has answered with an error, or broke the
    /// connection before there was an answer, has used what it says and otherwise nothing.
    pub fn settled(&self, prompt_tokens: u64) -> (Usage, UsageSource) {
        self.cell.look(|seen| self.settled_as(seen, prompt_tokens))
    }

    /// The same, for whoever has looked into the cell already.
    pub(crate) fn settled_as(&self, seen: &Observed, prompt_tokens: u64) -> (Usage, UsageSource) {
        let is_error = self.broke || self.status.is_some_and(|status| !status.is_success());
        if is_error && seen.failure.is_none() && seen.usage.is_none() && seen.text_bytes == 0 {
            return (Usage::default(), UsageSource::None);
        }
        seen.settled(prompt_tokens)
    }
}

impl Attempts {
    /// The attempts at a request from here on, whose list is put there if nobody has asked for one yet. What was tried
    /// before, by a layer outside that tries again, is not among them.
    pub fn of(request: &mut Extensions) -> Self {
        let attempts = request.get_or_insert_default::<Self>().clone();
        let from = attempts.lock().count();
        Self { from, ..attempts }
    }

    /// The same, for a layer that may [give up](Self::give_up) what is inside of it, and answers in its place.
    pub fn enclose(request: &mut Extensions) -> Self {
        let mut attempts = Self::of(request);
        attempts.scope = Some(Arc::new(Scope::inside(attempts.scope.take())));
        request.insert(Self { from: 0, ..attempts.clone() });
        attempts
    }

    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same list, for a target that serves the model of this configured id.
    #[must_use]
    pub fn for_model(&self, model: impl Into<Arc<str>>) -> Self {
        Self { model: Some(model.into()), ..self.clone() }
    }

    /// A request is about to be sent to this provider. `model` counts where no router has said which one it is. Returns the
    /// number of the attempt, counted from 0.
    pub fn begin(&self, provider: impl Into<Arc<str>>, model: impl Into<Arc<str>>, cell: UsageCell) -> usize {
        let model = self.model.clone().unwrap_or_else(|| model.into());
        let attempt = Attempt { provider: provider.into(), model, status: None, cell, broke: false };
        let mut list = self.lock();
        if list.first.is_none() {
            list.first = Some(attempt);
            return 0;
        }
        list.more.push(attempt);
        list.more.len()
    }

    /// The provider has answered this attempt with this status.
    pub fn answered(&self, at: usize, status: StatusCode) {
        self.change(at, |attempt| attempt.status = Some(status));
    }

    /// The request of this attempt ended in an error of the connection. What kind of error it was,
    /// [`failed`](Self::failed) may say.
    pub fn broke(&self, at: usize) {
        self.change(at, |attempt| attempt.broke = true);
    }

    fn change(&self, at: usize, change: impl FnOnce(&mut Attempt)) {
        let mut list = self.lock();
        let attempt = match at.checked_sub(1) {
            None => list.first.as_mut(),
            Some(at) => list.more.get_mut(at),
        };
        if let Some(attempt) = attempt {
            change(attempt);
        }
    }

    /// The last attempt has failed like this, unless it has said so itself: a transport error or a timeout, which whoever
    /// sent the request does not live to see.
    pub fn failed(&self, error: &ApiError) {
        let list = self.lock();
        let Some(last) = list.last(self.from) else { return };
        last.cell.record(|seen| {
            if seen.failure.is_none() && !seen.complete {
                seen.fail(error);
            }
        });
    }

    /// Nobody waits for the answer any more, for this reason: for a layer that answers in the place of what it drops, so
    /// that those inside do not take it for a client that left.
    pub fn give_up(&self, error: &ApiError) {
        self.failed(error);
        if let Some(scope) = &self.scope {
            scope.give_up(error);
        }
    }

    /// Why nobody waits any more.
    pub(crate) fn given_up(&self) -> Option<&ApiError> {
        self.scope.as_ref()?.given_up()
    }

    /// The provider of the last one.
    pub(crate) fn last_provider(&self) -> Option<Arc<str>> {
        self.lock().last(self.from).map(|attempt| Arc::clone(&attempt.provider))
    }

    /// How many there were so far.
    pub fn count(&self) -> u32 {
        u32::try_from(self.lock().count().saturating_sub(self.from)).unwrap_or(u32::MAX)
    }

    /// All of them, in order.
    pub fn list(&self) -> Vec<Attempt> {
        let list = self.lock();
        list.first.iter().chain(&list.more).skip(self.from).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_known_by_its_number() {
        let attempts = Attempts::new();
        assert_eq!((attempts.count(), attempts.list().len()), (0, 0));
        attempts.failed(&ApiError::timeout());
        let first = attempts.for_model("a").begin("p", "upstream-a", UsageCell::new());
        attempts.failed(&ApiError::timeout());
        attempts.failed(&ApiError::internal());
        let second = attempts.begin("q", "upstream-b", UsageCell::new());
        attempts.answered(second, StatusCode::OK);
        attempts.answered(7, StatusCode::OK);
        assert_eq!((first, second, attempts.count()), (0, 1, 2));
        let seen: Vec<_> = attempts
            .list()
            .into_iter()
            .map(|attempt| (attempt.model.to_string(), attempt.status, attempt.cell.observed().failure))
            .collect();
        let expected =
            [("a".to_owned(), None, Some("timeout".to_owned())), ("upstream-b".to_owned(), Some(StatusCode::OK), None)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn who_is_asked_again_sees_its_own_attempts_only() {
        let mut request = Extensions::new();
        let outside = Attempts::of(&mut request);
        outside.begin("p", "m", UsageCell::new());
        let again = Attempts::of(&mut request);
        again.failed(&ApiError::internal());
        assert_eq!((again.count(), again.list().len(), again.last_provider()), (0, 0, None));
        assert_eq!(outside.list()[0].cell.observed().failure, None);
        let second = request.get::<Attempts>().unwrap().begin("q", "m", UsageCell::new());
        assert_eq!((second, again.count(), again.list().len(), outside.count()), (1, 1, 1, 2));
        assert_eq!(again.last_provider().as_deref(), Some("q"));
    }

    #[test]
    fn who_gives_up_is_heard_inside_and_not_outside() {
        let mut request = Extensions::new();
        let meter_outside = Attempts::of(&mut request);
        let outer = Attempts::enclose(&mut request);
        let between = Attempts::of(&mut request);
        let inner = Attempts::enclose(&mut request);
        let inside = Attempts::of(&mut request);
        inner.give_up(&ApiError::timeout());
        let heard = |attempts: &Attempts| attempts.given_up().is_some();
        assert_eq!((heard(&inside), heard(&between), heard(&meter_outside)), (true, false, false));
        outer.give_up(&ApiError::timeout());
        assert_eq!((heard(&between), heard(&meter_outside)), (true, false));
    }

    #[test]
    fn what_is_complete_has_not_failed() {
        let attempts = Attempts::new();
        let cell = UsageCell::new();
        attempts.begin("p", "m", cell.clone());
        cell.record(|seen| seen.complete = true);
        attempts.failed(&ApiError::internal());
        assert_eq!(cell.observed().failure, None);
    }
}
