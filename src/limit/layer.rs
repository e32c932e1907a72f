use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::limiter::Limiter;
use super::report::UsageReport;
use super::service::RateLimit;
use super::store::LimitStore;
use crate::auth::{Limits, ModelFilter};
use crate::clock::{Clock, SystemClock};
use crate::price::PriceBook;

/// Lets a chat request in only within the limits of its caller. See the [module](super).
///
/// Clones, and the services they make, count together.
#[derive(Clone)]
pub struct RateLimitLayer {
    limiter: Arc<Limiter>,
}

/// What an answer is expected to have, in tokens, until a caller and a model have had one.
const DEFAULT_OUTPUT: u64 = 1_000;

impl RateLimitLayer {
    /// Limits that are counted in this store.
    pub fn new(store: impl LimitStore) -> Self {
        Self { limiter: Arc::new(Limiter::new(store, DEFAULT_OUTPUT, Arc::new(SystemClock::new()))) }
    }

    /// What tokens cost, for budgets; without prices, whoever has a budget is refused. The book may be changed later.
    #[must_use]
    pub fn prices(self, prices: PriceBook) -> Self {
        self.with(|limiter| limiter.prices = prices)
    }

    /// The models that there are, where the host knows them: who has a budget and asks for another one is told that there
    /// is no such model, rather than that it has no price. All of them, if nothing else is said.
    #[must_use]
    pub fn models(self, models: ModelFilter) -> Self {
        self.with(|limiter| limiter.models = models)
    }

    /// The limits that all requests without a [`Principal`](crate::Principal) share, under the name `anonymous`; none by
    /// default.
    #[must_use]
    pub fn anonymous(self, limits: Limits) -> Self {
        self.with(|limiter| limiter.anonymous = limits)
    }

    /// Counts and reports, and refuses nobody: for finding out what limits would do.
    ///
    /// What would have been refused carries its [`Refusal`](super::Refusal) in the response's extensions, and the header
    /// `x-ratelimit-shadow` with what ran out: `requests`, `tokens`, `parallel`, `budget`, or `price` where a budget cannot
    /// be charged because the model has no price.
    #[must_use]
    pub fn shadow(self) -> Self {
        self.with(|limiter| limiter.enforce = false)
    }

    /// How many tokens an answer is expected to have that says no limit of its own, until a caller and a model have had
    /// one; 1,000 by default.
    #[must_use]
    pub fn default_output(self, tokens: u64) -> Self {
        self.with(|limiter| limiter.default_output = tokens)
    }

    /// What time [`usage`](Self::usage) says it is; the store has a clock of its own.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.with(|limiter| limiter.clock = Arc::new(clock))
    }

    /// The service for `GET /v1/usage`.
    pub fn usage(&self) -> UsageReport {
        UsageReport::new(Arc::clone(&self.limiter))
    }

    fn with(mut self, change: impl FnOnce(&mut Limiter)) -> Self {
        change(Arc::make_mut(&mut self.limiter));
        self
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::new(inner, Arc::clone(&self.limiter))
    }
}

/// The store is not printed.
impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer").field("enforce", &self.limiter.enforce).finish_non_exhaustive()
    }
}
