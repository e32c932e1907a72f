//! What was reserved, on its way to being settled.

use std::sync::Arc;

use http::{Response, StatusCode};

use super::estimate::{Estimate, cost};
use super::future::Notes;
use super::limiter::Limiter;
use super::store::{Cost, Reservation};
use crate::error::{ApiError, BoxError, is_answer_timeout};
use crate::usage::{Answered, Attempts, UsageSource};

/// Settles one reservation, exactly once: at the latest when it is dropped, with what is known by then.
///
/// It lives in the response's future, then in its body.
pub(super) struct Guard {
    limiter: Arc<Limiter>,
    /// `None` once it is settled.
    reservation: Option<Reservation>,
    estimate: Estimate,
    attempts: Attempts,
    stage: Stage,
    pub(super) notes: Notes,
}

/// How far the request has come.
enum Stage {
    /// Nobody was asked.
    Admitted,
    /// The inner service was asked.
    Called,
    /// An answer is under way.
    Answering(Answered),
}

impl Guard {
    /// Nothing is reserved yet. In a box: it moves from the future into the body, and through all that is around them.
    pub(super) fn new(limiter: Arc<Limiter>, estimate: Estimate, attempts: Attempts) -> Box<Self> {
        Box::new(Self {
            limiter,
            reservation: None,
            estimate,
            attempts,
            stage: Stage::Admitted,
            notes: Notes::default(),
        })
    }

    /// The request was admitted.
    pub(super) fn admitted(&mut self, reservation: Reservation) {
        self.reservation = Some(reservation);
    }

    pub(super) fn enforces(&self) -> bool {
        self.limiter.enforce
    }

    /// The inner service was asked: from here on a provider may do the work, and bill it.
    pub(super) fn called(&mut self) {
        self.stage = Stage::Called;
    }

    /// There is no answer.
    pub(super) fn failed(&mut self, error: &BoxError) {
        self.attempts.failed(&ApiError::from_error(&**error));
        let unlisted = || if is_answer_timeout(&**error) { self.estimate.prompt_cost() } else { request_alone() };
        let actual = self.billed(None).unwrap_or_else(unlisted);
        self.settle(actual);
    }

    /// The head of an answer is there, which is all that matters of an error.
    pub(super) fn answered<B>(&mut self, response: &Response<B>) {
        let answered = Answered::new(response);
        if answered.status.is_success() {
            self.stage = Stage::Answering(answered);
        } else {
            let actual = self.error_cost(&answered);
            self.settle(actual);
        }
    }

    /// A provider's error costs its request, and what the provider said that it had used. One that did not answer in
    /// time may have read the prompt. What reached nobody costs nothing.
    fn error_cost(&self, answered: &Answered) -> Cost {
        let was_sent = answered.cell.is_some() || answered.served.is_some();
        let is_timeout = answered.status == StatusCode::GATEWAY_TIMEOUT;
        match self.billed(Some(answered)) {
            Some(cost) if self.attempts.count() > 0 || cost.tokens > 0 => cost,
            _ if is_timeout => self.estimate.prompt_cost(),
            _ if !was_sent && answered.status.is_client_error() => Cost::default(),
            _ => request_alone(),
        }
    }

    /// Whether the answer is complete, so that the truth is known before the body has ended.
    pub(super) fn is_complete(&self) -> bool {
        matches!(&self.stage, Stage::Answering(Answered { cell: Some(cell), .. }) if cell.is_complete())
    }

    fn actual(&self) -> Cost {
        match &self.stage {
            Stage::Admitted => Cost::default(),
            Stage::Called => self.billed(None).unwrap_or_else(|| self.estimate.prompt_cost()),
            Stage::Answering(answered) => self.billed(Some(answered)).unwrap_or_else(request_alone),
        }
    }

    /// One request, and what all attempts at it used: the sum that the ledger has. `None` if there was no attempt that
    /// anybody knows of. A model without a price costs what the one costs that was asked for.
    fn billed(&self, answered: Option<&Answered>) -> Option<Cost> {
        let mut sum = None;
        self.attempts.each_tried(&self.estimate.model, answered, |tried| {
            let (usage, source) = tried.settled(self.estimate.prompt);
            if tried.is_serving && answered.is_some() && source == UsageSource::Reported {
                self.estimate.learn(&self.limiter, &usage);
            }
            let price = self.limiter.prices.get(tried.model);
            let cost = cost(&usage, price.as_ref().or(self.estimate.price.as_ref()));
            let sum: &mut Cost = sum.get_or_insert_with(request_alone);
            sum.tokens = sum.tokens.saturating_add(cost.tokens);
            sum.nano_usd = sum.nano_usd.saturating_add(cost.nano_usd);
        });
        sum
    }

    fn settle(&mut self, actual: Cost) {
        if let Some(reservation) = self.reservation.take() {
            self.limiter.settle(reservation, actual);
        }
    }
}

/// A request that reached somebody and used nothing.
fn request_alone() -> Cost {
    Cost { requests: 1, ..Cost::default() }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.reservation.is_some() {
            let actual = self.actual();
            self.settle(actual);
        }
    }
}
