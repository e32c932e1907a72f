//! Settlements on their way to Redis.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::limit::store::{Ask, Cost, Reservation, Subject, SubjectKind};

/// A settlement.
pub(super) type Settlement = (Reservation, Cost);

/// Settlements that wait: at most so many one by one, and what comes beyond that as one sum for each subject. So nothing
/// is lost and memory is bounded by the number of subjects, however long Redis is away. A sum gives no lease back; those
/// expire by themselves.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    capacity: usize,
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    single: VecDeque<Settlement>,
    sums: HashMap<(SubjectKind, Arc<str>), (Subject, Cost)>,
    /// Settlements that were taken and are not known to have arrived.
    in_flight: usize,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { waiting: Mutex::default(), capacity, added: Notify::new() }
    }

    pub(super) fn push(&self, reservation: Reservation, actual: Cost) {
        let mut waiting = self.lock();
        if waiting.single.len() < self.capacity {
            waiting.single.push_back((reservation, actual));
        } else {
            for subject in reservation.ask.subjects {
                let sum = waiting.sums.entry((subject.kind, subject.id.clone()));
                let (_, sum) = sum.or_insert_with(|| (subject, Cost::default()));
                sum.requests = sum.requests.saturating_add(actual.requests);
                sum.tokens = sum.tokens.saturating_add(actual.tokens);
                sum.nano_usd = sum.nano_usd.saturating_add(actual.nano_usd);
            }
        }
        drop(waiting);
        self.added.notify_one();
    }

    /// Waits until there is something to take.
    pub(super) async fn filled(&self) {
        while self.is_empty() {
            self.added.notified().await;
        }
    }

    /// Takes some settlements; the sums when nothing else is left.
    pub(super) fn take(&self, most: usize) -> Vec<Settlement> {
        let mut waiting = self.lock();
        let count = waiting.single.len().min(most);
        let mut taken: Vec<Settlement> = waiting.single.drain(..count).collect();
        if waiting.single.is_empty() {
            taken.extend(waiting.sums.drain().map(|(_, (subject, sum))| {
                let ask = Ask { subjects: vec![subject], estimate: Cost::default(), enforce: false };
                (Reservation { ask, token: 0, marks: Vec::new() }, sum)
            }));
        }
        waiting.in_flight = taken.len();
        taken
    }

    /// What was taken has arrived, or comes back to be tried again, in its old place.
    pub(super) fn done(&self, failed: Vec<Settlement>) {
        let mut waiting = self.lock();
        waiting.in_flight = 0;
        for settlement in failed.into_iter().rev() {
            waiting.single.push_front(settlement);
        }
    }

    /// How many settlements have not arrived.
    pub(super) fn len(&self) -> usize {
        let waiting = self.lock();
        waiting.single.len() + waiting.sums.len() + waiting.in_flight
    }

    fn is_empty(&self) -> bool {
        let waiting = self.lock();
        waiting.single.is_empty() && waiting.sums.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Limits;

    fn settlement(id: &str, tokens: u64) -> Settlement {
        let subjects = vec![Subject::caller(id, Limits::new().tokens_per_minute(1))];
        let ask = Ask { subjects, estimate: Cost::default(), enforce: true };
        (Reservation { ask, token: 7, marks: vec![[0; 2]] }, Cost { requests: 1, tokens, nano_usd: 2 })
    }

    #[test]
    fn what_does_not_fit_is_summed_and_not_lost() {
        let queue = Queue::new(2);
        for (id, tokens) in [("a", 1), ("b", 2), ("a", 3), ("b", 4), ("a", 5)] {
            let (reservation, actual) = settlement(id, tokens);
            queue.push(reservation, actual);
        }
        assert_eq!(queue.len(), 4);
        let taken = queue.take(1);
        assert_eq!((taken.len(), taken[0].1.tokens, queue.len()), (1, 1, 4));
        queue.done(taken);
        let mut all: Vec<_> = queue.take(10).into_iter().map(|(_, cost)| (cost.tokens, cost.nano_usd)).collect();
        all.sort_unstable();
        assert_eq!(all, [(1, 2), (2, 2), (4, 2), (8, 4)]);
        queue.done(Vec::new());
        assert_eq!(queue.len(), 0);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let queue = Arc::new(Queue::new(2));
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.filled().await }
        });
        tokio::task::yield_now().await;
        let (reservation, actual) = settlement("a", 1);
        queue.push(reservation, actual);
        waiting.await.unwrap();
    }
}
