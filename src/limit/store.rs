//! Where the counters live: what a limiter asks of it, and what it answers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::Limits;
use crate::error::BoxError;

/// Where the counters live: [`MemoryLimits`](super::MemoryLimits), Redis, or the host's own place.
///
/// The four limits are one protocol: an [`Ask`] is admitted by all the limits of all its subjects or by none, in one
/// atomic step, and what it reserved is settled to the truth when the answer has ended.
pub trait LimitStore: Send + Sync + 'static {
    /// Reserves the estimate of a request with every limit that applies to it, or with none.
    ///
    /// Dropping the future before it is ready must leave nothing reserved for ever.
    ///
    /// # Errors
    /// If the counters cannot be reached. The request is then refused with a 503.
    fn admit(&self, ask: Ask) -> impl Future<Output = Result<Admission, BoxError>> + Send;

    /// Replaces what was reserved by what the request cost, and gives its permits back. What it cost beyond the
    /// reservation becomes a debt, which delays later requests.
    ///
    /// It is called exactly once for each reservation, also where a body is dropped: so it cannot wait, but may enqueue.
    fn settle(&self, reservation: Reservation, actual: Cost);

    /// How much each of these subjects has left, in their order, without using any of it.
    ///
    /// # Errors
    /// If the counters cannot be reached.
    fn standing(&self, subjects: Vec<Subject>) -> impl Future<Output = Result<Vec<Standing>, BoxError>> + Send;
}

impl<L: LimitStore> LimitStore for Arc<L> {
    fn admit(&self, ask: Ask) -> impl Future<Output = Result<Admission, BoxError>> + Send {
        (**self).admit(ask)
    }

    fn settle(&self, reservation: Reservation, actual: Cost) {
        (**self).settle(reservation, actual);
    }

    fn standing(&self, subjects: Vec<Subject>) -> impl Future<Output = Result<Vec<Standing>, BoxError>> + Send {
        (**self).standing(subjects)
    }
}

/// Whose use is counted under one name: a caller, or a scope that callers share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Callers and scopes have names of their own: a scope `alice` is not the caller `alice`.
    pub kind: SubjectKind,
    /// The name under which the use is counted.
    pub id: Arc<str>,
    /// The limits at this moment. They may change from one request to the next; what was used stays used.
    pub limits: Limits,
}

impl Subject {
    /// A caller with its own limits.
    pub fn caller(id: impl Into<Arc<str>>, limits: Limits) -> Self {
        Self { kind: SubjectKind::Caller, id: id.into(), limits }
    }

    /// A scope with the limits that its members share.
    pub fn scope(id: impl Into<Arc<str>>, limits: Limits) -> Self {
        Self { kind: SubjectKind::Scope, id: id.into(), limits }
    }
}

/// What a [`Subject`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SubjectKind {
    /// One caller: [`Principal::id`](crate::Principal::id).
    Caller,
    /// What callers share: [`Scope::id`](crate::auth::Scope::id).
    Scope,
}

/// What one request asks of the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Whose limits apply: those without any limits may be left out.
    pub subjects: Vec<Subject>,
    /// The estimate: one request, its tokens, its money.
    pub estimate: Cost,
    /// Whether limits are enforced. If not, everything is admitted and counted, and what would have been refused is
    /// told.
    pub enforce: bool,
}

impl Ask {
    /// Leaves out subjects without limits and those that stand twice, and lowers the estimate to what the smallest of the limits can hold: what is
    /// larger could never be admitted, and a guess must not lock a small key out. Every store begins with it.
    pub fn reduce(&mut self) {
        let mut kept = 0;
        for at in 0..self.subjects.len() {
            let Subject { kind, id, limits } = &self.subjects[at];
            let is_new = self.subjects[..kept].iter().all(|other| (other.kind, &*other.id) != (*kind, &**id));
            if is_new && !limits.is_unlimited() {
                self.subjects.swap(kept, at);
                kept += 1;
            }
        }
        self.subjects.truncate(kept);
        for limits in self.subjects.iter().map(|subject| subject.limits) {
            if let Some(rate) = limits.tokens {
                self.estimate.tokens = self.estimate.tokens.min(rate.amount);
            }
            if let Some(budget) = limits.budget {
                self.estimate.nano_usd = self.estimate.nano_usd.min(budget.nano_usd);
            }
        }
    }
}

/// What a request costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// 1, or 0 for a request that reached no provider.
    pub requests: u64,
    /// Tokens, of the prompt and the answer together.
    pub tokens: u64,
    /// Nano-dollars.
    pub nano_usd: u64,
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may go on.
    Admitted {
        /// What has to be settled.
        reservation: Reservation,
        /// How much is left, for the headers.
        left: Left,
        /// What would have been refused if limits were enforced.
        overrun: Option<Refusal>,
    },
    /// It may not, and nothing is reserved.
    Refused {
        /// Which limit it was.
        refusal: Refusal,
        /// How much is left, for the headers.
        left: Left,
    },
}

/// What was reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// What was asked. The estimate is what was reserved: where the store lowered it to what a window can hold, it says
    /// the lower one.
    pub ask: Ask,
    /// Whatever the store wants to remember of it, such as the number of a lease.
    pub token: u64,
    /// The same for each subject, in their order: where its requests and its tokens stand.
    pub marks: Vec<[u64; 2]>,
}

/// One of the four things that are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dimension {
    /// Requests in a window.
    Requests,
    /// Tokens in a window.
    Tokens,
    /// Answers in progress.
    Parallel,
    /// Money in a budget window.
    Budget,
}

/// Which limit refused a request, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose limit it is.
    pub kind: SubjectKind,
    /// The name of the caller or the scope.
    pub id: Arc<str>,
    /// What ran out.
    pub dimension: Dimension,
    /// The limit: requests, tokens, answers or nano-dollars.
    pub limit: u64,
    /// How much of it is used: what was reserved and what was settled.
    pub used: u64,
    /// How much the request asked for.
    pub asked: u64,
    /// When the same request would be admitted, if nothing else is used until then. `None` where time alone does not
    /// help: a limit of zero, a total budget, answers in progress.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Of two the one that takes longer to pass.
    pub(crate) fn longer(self, other: Self) -> Self {
        let wait = |refusal: &Self| refusal.retry_after.unwrap_or(Duration::MAX);
        if wait(&other) > wait(&self) { other } else { self }
    }
}

/// How much is left of the limits that OpenAI has headers for: of each the figures of the subject that has the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Requests.
    pub requests: Option<Allowance>,
    /// Tokens.
    pub tokens: Option<Allowance>,
}

impl Left {
    /// Of each limit the figures of the one that has less.
    pub(crate) fn fewer(self, other: Self) -> Self {
        Self {
            requests: Allowance::fewer(self.requests, other.requests),
            tokens: Allowance::fewer(self.tokens, other.tokens),
        }
    }
}

/// How much is left of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The limit.
    pub limit: u64,
    /// What may be used at once.
    pub remaining: u64,
    /// How long it takes until all of it is there again, if nothing is used.
    pub reset: Duration,
}

impl Allowance {
    /// Of two the one with less.
    pub(crate) fn fewer(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if other.remaining < one.remaining => Some(other),
            (one, other) => one.or(other),
        }
    }
}

/// How one subject stands with all of its limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Requests in their window.
    pub requests: Option<Allowance>,
    /// Tokens in their window.
    pub tokens: Option<Allowance>,
    /// Answers in progress; `reset` is zero.
    pub parallel: Option<Allowance>,
    /// Money.
    pub budget: Option<Spending>,
}

/// How a budget stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    /// The budget, in nano-dollars.
    pub limit: u64,
    /// What was spent in this window, with what is reserved for answers in progress.
    pub spent: u64,
    /// How long it takes until spending begins anew; `None` for a total.
    pub reset: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_that_is_left_is_told_and_the_longest_wait() {
        let left = |remaining, reset| Some(Allowance { limit: 9, remaining, reset: Duration::from_secs(reset) });
        for (one, other, fewer) in [
            (left(2, 1), left(1, 2), left(1, 2)),
            (left(1, 1), left(2, 2), left(1, 1)),
            (left(1, 1), left(1, 2), left(1, 1)), // the caller's own, who stands first
            (None, left(1, 2), left(1, 2)),
            (left(1, 1), None, left(1, 1)),
            (None, None, None),
        ] {
            assert_eq!(Allowance::fewer(one, other), fewer, "{one:?} {other:?}");
        }
        let refusal = |id: &str, wait: Option<u64>| Refusal {
            kind: SubjectKind::Caller,
            id: id.into(),
            dimension: Dimension::Tokens,
            limit: 1,
            used: 1,
            asked: 1,
            retry_after: wait.map(Duration::from_secs),
        };
        for (one, other, longer) in [
            (Some(1), Some(2), "b"),
            (Some(2), Some(1), "a"),
            (Some(1), Some(1), "a"),
            (Some(1), None, "b"),
            (None, Some(1), "a"),
        ] {
            assert_eq!(&*refusal("a", one).longer(refusal("b", other)).id, longer, "{one:?} {other:?}");
        }
    }
}
