//! A store for tests: it does as it is told, and remembers what it was told.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};

use super::store::{Admission, Ask, Cost, Left, LimitStore, Refusal, Reservation, Standing, Subject};
use crate::error::BoxError;

/// Admits everything, unless it is told otherwise. Clones are the same store.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Record>>);

#[derive(Default)]
pub(crate) struct Record {
    pub(crate) asked: Vec<Ask>,
    pub(crate) settled: Vec<(Reservation, Cost)>,
    pub(crate) next: VecDeque<Next>,
    pub(crate) left: Left,
    pub(crate) standing: Standing,
}

/// What the store does with the next request.
#[derive(Clone)]
pub(crate) enum Next {
    Refuse(Refusal),
    Overrun(Refusal),
    Fail,
    Hang,
}

impl Script {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap()
    }

    pub(crate) fn next(&self, next: Next) -> &Self {
        self.lock().next.push_back(next);
        self
    }

    /// What was settled so far.
    pub(crate) fn costs(&self) -> Vec<Cost> {
        self.lock().settled.iter().map(|(_, cost)| *cost).collect()
    }
}

impl LimitStore for Script {
    async fn admit(&self, ask: Ask) -> Result<Admission, BoxError> {
        let (next, left, token) = {
            let mut record = self.lock();
            record.asked.push(ask.clone());
            (record.next.pop_front(), record.left, record.asked.len() as u64)
        };
        let reservation = Reservation { ask, token, marks: Vec::new() };
        match next {
            None => Ok(Admission::Admitted { reservation, left, overrun: None }),
            Some(Next::Overrun(refusal)) => Ok(Admission::Admitted { reservation, left, overrun: Some(refusal) }),
            Some(Next::Refuse(refusal)) => Ok(Admission::Refused { refusal, left }),
            Some(Next::Fail) => Err("the store at 10.0.0.1 is down".into()),
            Some(Next::Hang) => pending().await,
        }
    }

    fn settle(&self, reservation: Reservation, actual: Cost) {
        let mut record = self.lock();
        assert!(record.settled.iter().all(|(settled, _)| settled.token != reservation.token), "settled twice");
        record.settled.push((reservation, actual));
    }

    async fn standing(&self, subjects: Vec<Subject>) -> Result<Vec<Standing>, BoxError> {
        let mut record = self.lock();
        match record.next.pop_front() {
            None => Ok(vec![record.standing.clone(); subjects.len()]),
            Some(_) => Err("the store at 10.0.0.1 is down".into()),
        }
    }
}
