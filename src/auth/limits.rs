/// How much one caller, or one [`Scope`](super::Scope), may use: plain figures, which a limiter enforces.
///
/// A figure that is `None` is unlimited. **Zero means none at all**, never unlimited.
///
/// ```
/// use tower_completions::auth::Limits;
///
/// let limits = Limits::new().requests_per_minute(60).budget_nano_usd(10 * Limits::NANO_USD);
/// assert_eq!(limits.requests_per_minute, Some(60));
/// assert_eq!(limits.tokens_per_minute, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Requests in one minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens in one minute, of prompts and answers together.
    pub tokens_per_minute: Option<u64>,
    /// Answers in progress at one time; a streamed answer is in progress until its last byte.
    pub parallel: Option<u64>,
    /// Money in all, in nano-dollars: one is 0.000000001 USD.
    pub budget_nano_usd: Option<u64>,
}

impl Limits {
    /// The nano-dollars in one US dollar.
    pub const NANO_USD: u64 = 1_000_000_000;

    /// No limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the requests in one minute. Takes a number or an `Option` of one, as the other setters do.
    #[must_use]
    pub fn requests_per_minute(mut self, requests: impl Into<Option<u64>>) -> Self {
        self.requests_per_minute = requests.into();
        self
    }

    /// Sets the tokens in one minute, of prompts and answers together.
    #[must_use]
    pub fn tokens_per_minute(mut self, tokens: impl Into<Option<u64>>) -> Self {
        self.tokens_per_minute = tokens.into();
        self
    }

    /// Sets the answers in progress at one time.
    #[must_use]
    pub fn parallel(mut self, answers: impl Into<Option<u64>>) -> Self {
        self.parallel = answers.into();
        self
    }

    /// Sets the money in all, in nano-dollars (see [`Limits::NANO_USD`]).
    #[must_use]
    pub fn budget_nano_usd(mut self, nano_usd: impl Into<Option<u64>>) -> Self {
        self.budget_nano_usd = nano_usd.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_stays_zero_and_none_stays_none() {
        let limits = Limits::new().requests_per_minute(0).tokens_per_minute(7).parallel(None).budget_nano_usd(Some(9));
        assert_eq!(limits.requests_per_minute, Some(0));
        assert_eq!(limits.tokens_per_minute, Some(7));
        assert_eq!(limits.parallel, None);
        assert_eq!(limits.budget_nano_usd, Some(9));
    }
}
