//! The counters in this process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::account::{Account, Moment};
use super::store::{Admission, Ask, Cost, Left, LimitStore, Refusal, Reservation, Standing, Subject, SubjectKind};
use super::sync::{Mutex, MutexGuard};
use crate::clock::{Clock, SystemClock};
use crate::error::BoxError;

/// Counters in memory: exact for one process, forgotten with it.
///
/// An admission locks what its subjects share for some dozens of nanoseconds, in one order for all, so that it is admitted
/// by all limits or by none, and nobody ever sees half of one. State exists for subjects that have limits and were used
/// since; what no longer matters (rates that are full again, nothing in progress, nothing spent) is forgotten when the
/// room is needed. A budget that was touched and a debt are never forgotten.
///
/// ```
/// # tokio_test::block_on(async {
/// use std::sync::Arc;
/// use tower_completions::auth::Limits;
/// use tower_completions::limit::{Admission, Ask, Cost, LimitStore, MemoryLimits, Subject};
///
/// let store = MemoryLimits::new();
/// let alice = Subject::caller("alice", Limits::new().requests_per_minute(1));
/// let ask = Ask { subjects: vec![alice], estimate: Cost { requests: 1, tokens: 900, nano_usd: 0 }, enforce: true };
/// assert!(matches!(store.admit(ask.clone()).await, Ok(Admission::Admitted { .. })));
/// let Ok(Admission::Refused { refusal, .. }) = store.admit(ask).await else { panic!() };
/// assert!(refusal.retry_after.unwrap().as_secs_f64() <= 60.0);
/// # });
/// ```
///
/// Clones are the same store.
pub struct MemoryLimits<C = SystemClock>(Arc<Shared<C>>);

struct Shared<C> {
    clock: C,
    shards: Box<[Mutex<Shard>]>,
}

/// A part of the subjects.
#[derive(Default)]
struct Shard {
    callers: HashMap<Arc<str>, Account>,
    scopes: HashMap<Arc<str>, Account>,
    /// How many subjects there may be before what no longer matters is looked for.
    sweep_at: usize,
}

const SHARDS: usize = 64;
const FIRST_SWEEP: usize = 64;

impl MemoryLimits {
    /// Counters that go by the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(SystemClock::new())
    }
}

impl<C: Clock + Default> Default for MemoryLimits<C> {
    fn default() -> Self {
        Self::with_clock(C::default())
    }
}

impl<C> Clone for MemoryLimits<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Clock> MemoryLimits<C> {
    /// Counters that go by another clock.
    pub fn with_clock(clock: C) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self(Arc::new(Shared { clock, shards }))
    }

    /// How many subjects there is state for.
    pub fn len(&self) -> usize {
        self.0.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether there is no state at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts money that was spent earlier, such as by another process before a restart, at a time since the Unix epoch.
    /// What was spent before the budget's present window began does not count.
    pub fn restore(&self, subject: &Subject, nano_usd: u64, at: Duration) {
        let Some(budget) = subject.limits.budget else { return };
        let now = self.now();
        let mut shard = lock(self.0.shard(subject));
        shard.change(subject, now, |account| account.restore(nano_usd, at, &subject.limits, budget, now));
    }

    /// Forgets what no longer matters, at once.
    pub fn sweep(&self) {
        let now = self.now();
        for shard in &self.0.shards {
            lock(shard).sweep(now);
        }
    }

    fn now(&self) -> Moment {
        Moment::new(self.0.clock.now())
    }

    fn decide(&self, mut ask: Ask) -> Admission {
        ask.reduce();
        let now = self.now();
        match &ask.subjects[..] {
            [only] => {
                let (refusal, marks, left) = self.decide_one(only, &ask, now);
                admission(refusal, ask, marks.into_iter().collect(), left)
            }
            _ => self.decide_all(ask, now),
        }
    }

    /// Most requests have one subject, whose account is looked up once.
    fn decide_one(&self, only: &Subject, ask: &Ask, now: Moment) -> (Option<Refusal>, Option<[u64; 2]>, Left) {
        lock(self.0.shard(only)).visit(only, now, |account| {
            let refusal = account.refuse(only, &ask.estimate, now);
            let is_admitted = refusal.is_none() || !ask.enforce;
            let marks = is_admitted.then(|| account.charge(&only.limits, &ask.estimate, now));
            ((refusal, marks, account.left(&only.limits, now)), is_admitted)
        })
    }

    fn decide_all(&self, ask: Ask, now: Moment) -> Admission {
        let mut locked = self.0.lock_all(&ask.subjects);
        let refusals = ask.subjects.iter().enumerate().filter_map(|(at, subject)| {
            locked.shard(at).look(subject, |account| account.refuse(subject, &ask.estimate, now))
        });
        let refusal = refusals.reduce(Refusal::longer);
        let mut marks = Vec::new();
        if refusal.is_none() || !ask.enforce {
            let charge = |(at, subject): (usize, &Subject)| {
                locked.shard(at).change(subject, now, |account| account.charge(&subject.limits, &ask.estimate, now))
            };
            marks = ask.subjects.iter().enumerate().map(charge).collect();
        }
        let left = ask.subjects.iter().enumerate().fold(Left::default(), |left, (at, subject)| {
            left.fewer(locked.shard(at).look(subject, |account| account.left(&subject.limits, now)))
        });
        drop(locked);
        admission(refusal, ask, marks, left)
    }
}

fn admission(refusal: Option<Refusal>, ask: Ask, marks: Vec<[u64; 2]>, left: Left) -> Admission {
    match refusal {
        Some(refusal) if ask.enforce => Admission::Refused { refusal, left },
        overrun => Admission::Admitted { reservation: Reservation { ask, token: 0, marks }, left, overrun },
    }
}

impl<C: Clock> LimitStore for MemoryLimits<C> {
    async fn admit(&self, ask: Ask) -> Result<Admission, BoxError> {
        Ok(self.decide(ask))
    }

    fn settle(&self, reservation: Reservation, actual: Cost) {
        let now = self.now();
        let Reservation { ask, marks, .. } = reservation;
        for (subject, mark) in ask.subjects.iter().zip(marks) {
            let mut shard = lock(self.0.shard(subject));
            shard.change(subject, now, |account| account.settle(&subject.limits, mark, &ask.estimate, &actual, now));
        }
    }

    async fn standing(&self, subjects: Vec<Subject>) -> Result<Vec<Standing>, BoxError> {
        let now = self.now();
        let standing = |subject: &Subject| {
            lock(self.0.shard(subject)).look(subject, |account| account.standing(&subject.limits, now))
        };
        Ok(subjects.iter().map(standing).collect())
    }
}

/// In which shard a subject is. Names that meet in one only wait for each other: in the shard they are found by a keyed
/// hash.
fn place(subject: &Subject) -> usize {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = subject.id.as_bytes().as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).chain(rest.iter().map(|byte| u64::from(*byte)));
    let hash = words.fold(subject.kind as u64, |hash, word| (hash.rotate_left(5) ^ word).wrapping_mul(SPREAD));
    (hash >> 32) as usize % SHARDS
}

impl<C> Shared<C> {
    fn shard(&self, subject: &Subject) -> &Mutex<Shard> {
        &self.shards[place(subject)]
    }

    /// Locks the shards of these subjects, always in the order of their places, so that nobody waits in a circle.
    fn lock_all(&self, subjects: &[Subject]) -> Locked<'_> {
        let places: Vec<usize> = subjects.iter().map(place).collect();
        let mut order = places.clone();
        order.sort_unstable();
        order.dedup();
        let shards = order.iter().map(|place| lock(&self.shards[*place])).collect();
        let at = places.iter().map(|place| order.binary_search(place).unwrap_or_default()).collect();
        Locked { shards, at }
    }
}

/// The shards of some subjects, all of them locked.
struct Locked<'a> {
    shards: Vec<MutexGuard<'a, Shard>>,
    /// For each subject the place of its shard in the list.
    at: Vec<usize>,
}

impl Locked<'_> {
    fn shard(&mut self, subject: usize) -> &mut Shard {
        &mut self.shards[self.at[subject]]
    }
}

impl Shard {
    fn accounts(&mut self, kind: SubjectKind) -> &mut HashMap<Arc<str>, Account> {
        match kind {
            SubjectKind::Caller => &mut self.callers,
            SubjectKind::Scope => &mut self.scopes,
        }
    }

    fn len(&self) -> usize {
        self.callers.len() + self.scopes.len()
    }

    /// Looks at the account of a subject, or at a new one that nothing is kept of.
    fn look<T>(&mut self, subject: &Subject, look: impl FnOnce(&Account) -> T) -> T {
        match self.accounts(subject.kind).get(&*subject.id) {
            Some(account) => look(account),
            None => look(&Account::default()),
        }
    }

    /// Changes the account of a subject, which is kept.
    fn change<T>(&mut self, subject: &Subject, now: Moment, change: impl FnOnce(&mut Account) -> T) -> T {
        self.visit(subject, now, |account| (change(account), true))
    }

    /// The same, and whoever changes a new one says whether it is kept.
    fn visit<T>(&mut self, subject: &Subject, now: Moment, visit: impl FnOnce(&mut Account) -> (T, bool)) -> T {
        if let Some(account) = self.accounts(subject.kind).get_mut(&*subject.id) {
            return visit(account).0;
        }
        let mut account = Account::default();
        let (answer, is_kept) = visit(&mut account);
        if is_kept {
            if self.len() >= self.sweep_at.max(FIRST_SWEEP) {
                self.sweep(now);
            }
            self.accounts(subject.kind).insert(subject.id.clone(), account);
        }
        answer
    }

    /// Forgets what no longer matters. The next time is when there are twice as many as are left now, so that the work
    /// for each new subject is constant.
    fn sweep(&mut self, now: Moment) {
        for accounts in [&mut self.callers, &mut self.scopes] {
            accounts.retain(|_, account| !account.is_idle(now));
            accounts.shrink_to(accounts.len() * 2);
        }
        self.sweep_at = self.len() * 2;
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C> fmt::Debug for MemoryLimits<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLimits").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
