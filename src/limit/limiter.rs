//! What all clones of a limiter share.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::Extensions;

use super::learned::Learned;
use super::store::{Admission, Ask, Cost, LimitStore, Reservation, Standing, Subject, SubjectKind};
use crate::auth::{Limits, ModelFilter, Principal};
use crate::clock::Clock;
use crate::error::BoxError;
use crate::price::PriceBook;

/// The one boxed future of a request: the store's type is not named outside this file.
pub(super) type Admitting = Pin<Box<dyn Future<Output = Result<Admission, BoxError>> + Send>>;
pub(super) type Standings = Pin<Box<dyn Future<Output = Result<Vec<Standing>, BoxError>> + Send>>;

/// A [`LimitStore`] whose type is forgotten.
trait AnyStore: Send + Sync {
    fn admit(self: Arc<Self>, ask: Ask) -> Admitting;
    fn settle(&self, reservation: Reservation, actual: Cost);
    fn standing(self: Arc<Self>, subjects: Vec<Subject>) -> Standings;
}

impl<L: LimitStore> AnyStore for L {
    fn admit(self: Arc<Self>, ask: Ask) -> Admitting {
        Box::pin(async move { LimitStore::admit(&*self, ask).await })
    }

    fn settle(&self, reservation: Reservation, actual: Cost) {
        LimitStore::settle(self, reservation, actual);
    }

    fn standing(self: Arc<Self>, subjects: Vec<Subject>) -> Standings {
        Box::pin(async move { LimitStore::standing(&*self, subjects).await })
    }
}

/// The store, the settings, and what was learned of answers.
#[derive(Clone)]
pub(super) struct Limiter {
    store: Arc<dyn AnyStore>,
    pub(super) prices: PriceBook,
    /// The models that there are.
    pub(super) models: ModelFilter,
    pub(super) anonymous: Limits,
    pub(super) enforce: bool,
    pub(super) default_output: u64,
    pub(super) learned: Arc<Learned>,
    pub(super) clock: Arc<dyn Clock>,
}

/// The name under which requests without a [`Principal`] are counted together.
const ANONYMOUS: &str = "anonymous";

impl Limiter {
    pub(super) fn new(store: impl LimitStore, default_output: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            store: Arc::new(store),
            prices: PriceBook::new(),
            models: ModelFilter::all(),
            anonymous: Limits::new(),
            enforce: true,
            default_output,
            learned: Arc::new(Learned::new()),
            clock,
        }
    }

    pub(super) fn admit(&self, ask: Ask) -> Admitting {
        Arc::clone(&self.store).admit(ask)
    }

    pub(super) fn settle(&self, reservation: Reservation, actual: Cost) {
        self.store.settle(reservation, actual);
    }

    pub(super) fn standing(&self, subjects: Vec<Subject>) -> Standings {
        Arc::clone(&self.store).standing(subjects)
    }

    /// The caller, and the scopes that it belongs to, whether they have limits or not.
    pub(super) fn all_subjects(&self, extensions: &Extensions) -> (Subject, Vec<Subject>) {
        let Some(principal) = extensions.get::<Principal>() else { return (self.nobody(), Vec::new()) };
        let scopes = principal.scopes.iter().map(|scope| subject(SubjectKind::Scope, &scope.id, scope.limits));
        (subject(SubjectKind::Caller, &principal.id, principal.limits), scopes.collect())
    }

    /// Whose limits apply to a request for this model. Empty if nothing is limited, without an allocation.
    pub(super) fn subjects(&self, extensions: &Extensions, model: &str) -> Vec<Subject> {
        let Some(principal) = extensions.get::<Principal>() else {
            return if self.anonymous.is_unlimited() { Vec::new() } else { vec![self.nobody()] };
        };
        let mut subjects = Vec::new();
        if !principal.limits.is_unlimited() {
            subjects.reserve_exact(1 + principal.scopes.len());
            subjects.push(subject(SubjectKind::Caller, &principal.id, principal.limits));
        }
        let scopes = principal.scopes.iter().filter(|scope| !scope.limits.is_unlimited() && scope.models.allows(model));
        subjects.extend(scopes.map(|scope| subject(SubjectKind::Scope, &scope.id, scope.limits)));
        subjects
    }

    fn nobody(&self) -> Subject {
        subject(SubjectKind::Caller, &ANONYMOUS.into(), self.anonymous)
    }
}

fn subject(kind: SubjectKind, id: &Arc<str>, limits: Limits) -> Subject {
    Subject { kind, id: Arc::clone(id), limits }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Script;
    use super::*;
    use crate::auth::Scope;
    use crate::clock::SystemClock;

    fn ids(limiter: &Limiter, extensions: &Extensions, model: &str) -> Vec<String> {
        limiter.subjects(extensions, model).iter().map(|subject| subject.id.to_string()).collect()
    }

    #[test]
    fn the_caller_and_the_scopes_whose_models_are_asked_for() {
        let mut limiter = Limiter::new(Script::default(), 0, Arc::new(SystemClock::new()));
        let limits = Limits::new().parallel(1);
        let mut extensions = Extensions::new();
        assert!(ids(&limiter, &extensions, "m").is_empty());
        limiter.anonymous = limits;
        assert_eq!(ids(&limiter, &extensions, "m"), ["anonymous"]);
        let alice = Principal::new("alice").scopes([
            Scope::new("free"),
            Scope::new("team").limits(limits),
            Scope::new("alice/opus").limits(limits).models(ModelFilter::new(["opus-*"])),
        ]);
        extensions.insert(alice.clone());
        assert_eq!(ids(&limiter, &extensions, "m"), ["team"]);
        assert_eq!(ids(&limiter, &extensions, "opus-4"), ["team", "alice/opus"]);
        extensions.insert(alice.limits(limits));
        assert_eq!(ids(&limiter, &extensions, "m"), ["alice", "team"]);
        let (caller, scopes) = limiter.all_subjects(&extensions);
        assert_eq!((&*caller.id, scopes.len()), ("alice", 3));
    }
}
