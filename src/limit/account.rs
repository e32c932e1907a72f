//! All that is counted of one subject.

use std::time::Duration;

use super::bucket::{Bucket, nanos};
use super::budget::Spent;
use super::store::{Allowance, Cost, Dimension, Left, Refusal, Standing, Subject};
use crate::auth::{Budget, Limits, Rate};

/// A moment in both of its forms: since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    nanos: u64,
    time: Duration,
}

impl Moment {
    pub(crate) fn new(time: Duration) -> Self {
        Self { nanos: nanos(time), time }
    }
}

/// The use of all of a subject's limits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    requests: Bucket,
    tokens: Bucket,
    parallel: u64,
    spent: Spent,
    /// From when on it is as good as new, in nanoseconds.
    idle_from: u64,
}

impl Account {
    /// Whether it can be forgotten.
    pub(crate) fn is_idle(&self, now: Moment) -> bool {
        self.parallel == 0 && self.idle_from <= now.nanos
    }

    /// The limit that the request does not fit into; of several the one that takes longest.
    pub(crate) fn refuse(&self, subject: &Subject, ask: &Cost, now: Moment) -> Option<Refusal> {
        let limits = &subject.limits;
        let refusal = |dimension, limit, used, asked, retry_after| Refusal {
            kind: subject.kind,
            id: subject.id.clone(),
            dimension,
            limit,
            used,
            asked,
            retry_after,
        };
        let rated = |rate: Option<Rate>, bucket: &Bucket, dimension, units| {
            let rate = rate.filter(|rate| !bucket.fits(units, *rate, now.nanos))?;
            let used = rate.amount - bucket.allowance(rate, now.nanos).remaining;
            Some(refusal(dimension, rate.amount, used, units, bucket.wait(units, rate, now.nanos)))
        };
        let requests = rated(limits.requests, &self.requests, Dimension::Requests, ask.requests);
        let tokens = rated(limits.tokens, &self.tokens, Dimension::Tokens, ask.tokens);
        let parallel = limits.parallel.filter(|limit| self.parallel >= *limit);
        let parallel = parallel.map(|limit| refusal(Dimension::Parallel, limit, self.parallel, 1, None));
        let budget = limits.budget.filter(|budget| !self.spent.fits(ask.nano_usd, *budget, now.time));
        let budget = budget.map(|budget| {
            let (used, reset) = (self.spent.used(budget, now.time), Spent::reset(budget, now.time));
            let reset = reset.filter(|_| budget.nano_usd > 0);
            refusal(Dimension::Budget, budget.nano_usd, used, ask.nano_usd, reset)
        });
        [requests, tokens, parallel, budget].into_iter().flatten().reduce(Refusal::longer)
    }

    /// Counts an estimate. The marks say where its requests and its tokens stand.
    pub(crate) fn charge(&mut self, limits: &Limits, estimate: &Cost, now: Moment) -> [u64; 2] {
        let request = limits.requests.map_or(0, |rate| self.requests.charge(estimate.requests, rate, now.nanos));
        self.parallel += 1;
        if let Some(budget) = limits.budget {
            self.spent.reserve(estimate.nano_usd, budget, now.time);
        }
        [request, limits.tokens.map_or(0, |rate| self.tokens.charge(estimate.tokens, rate, now.nanos))]
    }

    /// Replaces an estimate by the truth.
    pub(crate) fn settle(&mut self, limits: &Limits, marks: [u64; 2], estimate: &Cost, actual: &Cost, now: Moment) {
        if let Some(rate) = limits.requests {
            let back = estimate.requests.saturating_sub(actual.requests);
            self.requests.refund(back, estimate.requests, marks[0], rate, now.nanos);
        }
        if let Some(rate) = limits.tokens {
            let back = estimate.tokens.saturating_sub(actual.tokens);
            self.tokens.refund(back, estimate.tokens, marks[1], rate, now.nanos);
            self.tokens.charge(actual.tokens.saturating_sub(estimate.tokens), rate, now.nanos);
        }
        self.parallel = self.parallel.saturating_sub(1);
        if let Some(budget) = limits.budget {
            self.spent.settle(estimate.nano_usd, actual.nano_usd, budget, now.time);
        }
        // Those that are still in progress look at it when they are settled.
        if self.parallel == 0 {
            self.idle_from = self.idle_from(limits, now);
        }
    }

    /// Counts money that was spent earlier.
    pub(crate) fn restore(&mut self, nano_usd: u64, at: Duration, limits: &Limits, budget: Budget, now: Moment) {
        self.spent.restore(nano_usd, at, budget, now.time);
        self.idle_from = self.idle_from(limits, now);
    }

    /// How much is left of the rates.
    pub(crate) fn left(&self, limits: &Limits, now: Moment) -> Left {
        Left {
            requests: limits.requests.map(|rate| self.requests.allowance(rate, now.nanos)),
            tokens: limits.tokens.map(|rate| self.tokens.allowance(rate, now.nanos)),
        }
    }

    /// How much is left of each limit.
    pub(crate) fn standing(&self, limits: &Limits, now: Moment) -> Standing {
        let Left { requests, tokens } = self.left(limits, now);
        Standing {
            requests,
            tokens,
            parallel: limits.parallel.map(|limit| Allowance {
                limit,
                remaining: limit.saturating_sub(self.parallel),
                reset: Duration::ZERO,
            }),
            budget: limits.budget.map(|budget| self.spent.spending(budget, now.time)),
        }
    }

    fn idle_from(&self, limits: &Limits, now: Moment) -> u64 {
        let rates = [(limits.requests, &self.requests), (limits.tokens, &self.tokens)];
        let full = rates.into_iter().filter_map(|(rate, bucket)| Some(bucket.reset(rate?, now.nanos)));
        let rates = full.max().unwrap_or_default();
        let budget = limits.budget.filter(|budget| self.spent.used(*budget, now.time) > 0);
        let budget = budget.map_or(Duration::ZERO, |budget| Spent::reset(budget, now.time).unwrap_or(Duration::MAX));
        now.nanos.saturating_add(nanos(rates.max(budget)))
    }
}
