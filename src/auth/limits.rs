use std::time::Duration;

/// How much one caller, or one [`Scope`](super::Scope), may use: plain figures, which a limiter enforces.
///
/// A figure that is `None` is unlimited. **Zero means none at all**, never unlimited.
///
/// ```
/// use std::time::Duration;
/// use tower_completions::auth::{Budget, Limits, Rate};
///
/// let limits = Limits::new().requests_per_minute(60).budget(Budget::per_month_usd(10.0));
/// assert_eq!(limits.requests, Some(Rate::per_minute(60)));
/// assert_eq!(limits.tokens, None);
///
/// let hourly = Limits::new().tokens(Rate::new(1_000_000, Duration::from_secs(3600)));
/// # let _ = hourly;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Requests in a window.
    pub requests: Option<Rate>,
    /// Tokens in a window, of prompts and answers together.
    pub tokens: Option<Rate>,
    /// Answers in progress at one time; a streamed answer is in progress until its last byte.
    pub parallel: Option<u64>,
    /// Money in a budget window.
    pub budget: Option<Budget>,
}

/// An amount in a window of time, which refills evenly: all of it may be used at once, and is back one window later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How much.
    pub amount: u64,
    /// In which time; at least a millisecond.
    pub window: Duration,
}

impl Rate {
    /// An amount in a window of at least a millisecond.
    pub fn new(amount: u64, window: Duration) -> Self {
        Self { amount, window: window.max(Duration::from_millis(1)) }
    }

    /// An amount in a minute.
    pub fn per_minute(amount: u64) -> Self {
        Self::new(amount, Duration::from_secs(60))
    }
}

/// An amount of money in a window of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Nano-dollars: one is 0.000000001 USD.
    pub nano_usd: u64,
    /// When spending begins anew.
    pub window: BudgetWindow,
}

/// When the spending that counts against a budget begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BudgetWindow {
    /// At midnight UTC.
    Day,
    /// At midnight UTC before the first of a month.
    Month,
    /// Never.
    Total,
}

impl Budget {
    /// The nano-dollars in one US dollar.
    pub const NANO_USD: u64 = 1_000_000_000;

    /// A budget in nano-dollars.
    pub fn new(nano_usd: u64, window: BudgetWindow) -> Self {
        Self { nano_usd, window }
    }

    /// A budget in US dollars for each day. What is negative or no number is nothing; nano-dollars are the smallest unit.
    pub fn per_day_usd(usd: f64) -> Self {
        Self::new(nano(usd), BudgetWindow::Day)
    }

    /// A budget in US dollars for each month.
    pub fn per_month_usd(usd: f64) -> Self {
        Self::new(nano(usd), BudgetWindow::Month)
    }

    /// A budget in US dollars in all.
    pub fn total_usd(usd: f64) -> Self {
        Self::new(nano(usd), BudgetWindow::Total)
    }
}

/// What is too large becomes the largest, and NaN nothing: so `as` does it.
fn nano(usd: f64) -> u64 {
    (usd * Budget::NANO_USD as f64).round() as u64
}

impl Limits {
    /// No limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// Sets the requests in a window. Takes a rate or an `Option` of one, as the other setters do.
    #[must_use]
    pub fn requests(mut self, rate: impl Into<Option<Rate>>) -> Self {
        self.requests = rate.into();
        self
    }

    /// Sets the requests in one minute.
    #[must_use]
    pub fn requests_per_minute(self, requests: impl Into<Option<u64>>) -> Self {
        self.requests(requests.into().map(Rate::per_minute))
    }

    /// Sets the tokens in a window, of prompts and answers together.
    #[must_use]
    pub fn tokens(mut self, rate: impl Into<Option<Rate>>) -> Self {
        self.tokens = rate.into();
        self
    }

    /// Sets the tokens in one minute.
    #[must_use]
    pub fn tokens_per_minute(self, tokens: impl Into<Option<u64>>) -> Self {
        self.tokens(tokens.into().map(Rate::per_minute))
    }

    /// Sets the answers in progress at one time.
    #[must_use]
    pub fn parallel(mut self, answers: impl Into<Option<u64>>) -> Self {
        self.parallel = answers.into();
        self
    }

    /// Sets the money in a budget window.
    #[must_use]
    pub fn budget(mut self, budget: impl Into<Option<Budget>>) -> Self {
        self.budget = budget.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_stays_zero_and_none_stays_none() {
        let limits =
            Limits::new().requests_per_minute(0).tokens_per_minute(7).parallel(None).budget(Budget::total_usd(9.0));
        assert_eq!(limits.requests, Some(Rate::per_minute(0)));
        assert_eq!(limits.tokens, Some(Rate::per_minute(7)));
        assert_eq!(limits.parallel, None);
        assert_eq!(limits.budget, Some(Budget::new(9 * Budget::NANO_USD, BudgetWindow::Total)));
        assert!(!limits.is_unlimited() && Limits::new().is_unlimited());
    }

    #[test]
    fn dollars_become_whole_nano_dollars() {
        for (usd, nano_usd) in
            [(0.1, 100_000_000), (1e-9, 1), (1e-10, 0), (-1.0, 0), (f64::NAN, 0), (f64::INFINITY, u64::MAX)]
        {
            assert_eq!(Budget::per_day_usd(usd).nano_usd, nano_usd, "{usd}");
        }
    }

    #[test]
    fn a_window_has_a_length() {
        assert_eq!(Rate::new(1, Duration::ZERO).window, Duration::from_millis(1));
    }
}
