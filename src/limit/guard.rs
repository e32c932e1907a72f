//! What was reserved, on its way to being settled.

use std::sync::Arc;

use http::{Response, StatusCode};

use super::estimate::{Estimate, cost};
use super::limiter::Limiter;
use super::store::{Cost, Reservation};
use crate::error::{BoxError, is_answer_timeout};
use crate::price::Price;
use crate::usage::{Observed, Served, UsageCell, UsageSource};

/// Settles one reservation, exactly once: at the latest when it is dropped, with what is known by then.
///
/// It lives in the response's future, then in its body.
pub(super) struct Guard {
    limiter: Arc<Limiter>,
    /// `None` once it is settled.
    reservation: Option<Reservation>,
    estimate: Estimate,
    stage: Stage,
}

/// How far the request has come.
enum Stage {
    /// Nobody was asked.
    Admitted,
    /// The inner service was asked.
    Called,
    /// An answer is under way.
    Answering { cell: UsageCell, price: Option<Price> },
}

impl Guard {
    pub(super) fn new(limiter: Arc<Limiter>, reservation: Reservation, estimate: Estimate) -> Self {
        Self { limiter, reservation: Some(reservation), estimate, stage: Stage::Admitted }
    }

    /// The inner service was asked: from here on a provider may do the work, and bill it.
    pub(super) fn called(&mut self) {
        self.stage = Stage::Called;
    }

    /// There is no answer.
    pub(super) fn failed(mut self, error: &BoxError) {
        let actual = if is_answer_timeout(&**error) { self.estimate.prompt_cost() } else { request_alone() };
        self.settle(actual);
    }

    /// The head of an answer is there. `None` if that is all that matters of it.
    pub(super) fn answered<B>(mut self, response: &Response<B>) -> Option<Self> {
        let cell = response.extensions().get::<UsageCell>();
        let served = response.extensions().get::<Served>();
        let status = response.status();
        if !status.is_success() {
            let actual = match (cell, served) {
                (None, None) if status.is_client_error() => Cost::default(),
                _ => self.error_cost(status, cell.map(UsageCell::observed).unwrap_or_default()),
            };
            self.settle(actual);
            return None;
        }
        let price =
            served.and_then(|served| self.limiter.prices.get(&served.model)).or_else(|| self.estimate.price.clone());
        self.stage = Stage::Answering { cell: cell.cloned().unwrap_or_default(), price };
        Some(self)
    }

    /// A provider's error costs its request, and what the provider said that it had used. One that did not answer in
    /// time may have read the prompt.
    fn error_cost(&self, status: StatusCode, observed: Observed) -> Cost {
        let is_timeout = status == StatusCode::GATEWAY_TIMEOUT;
        match observed.usage {
            Some(_) => cost(&observed.settled(self.estimate.prompt).0, self.estimate.price.as_ref()),
            None if is_timeout => self.estimate.prompt_cost(),
            None => request_alone(),
        }
    }

    /// Whether the answer is complete, so that the truth is known before the body has ended.
    pub(super) fn is_complete(&self) -> bool {
        matches!(&self.stage, Stage::Answering { cell, .. } if cell.is_complete())
    }

    fn actual(&self) -> Cost {
        match &self.stage {
            Stage::Admitted => Cost::default(),
            Stage::Called => self.estimate.prompt_cost(),
            Stage::Answering { cell, price } => {
                let (usage, source) = cell.observed().settled(self.estimate.prompt);
                if source == UsageSource::Reported {
                    self.estimate.learn(&self.limiter, &usage);
                }
                cost(&usage, price.as_ref())
            }
        }
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
