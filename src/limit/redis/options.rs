//! How a Redis store is told what to do.

use std::time::Duration;

/// What a limiter does while its store is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStoreError {
    /// Everybody is let in. What is used meanwhile is charged when the store is back.
    Open,
    /// Nobody is let in whose limits are concerned.
    Closed,
    /// This process counts for itself, with its share of the limits. What is used meanwhile is charged when the store is
    /// back, too.
    Local,
}

/// Settings of a [`RedisLimits`](super::RedisLimits).
///
/// ```
/// use std::time::Duration;
/// use tower_completions::limit::redis::{OnStoreError, RedisOptions};
///
/// let options = RedisOptions::new().prefix("{prod}").on_store_error(OnStoreError::Open).replicas(3);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct RedisOptions {
    pub(super) prefix: String,
    pub(super) on_store_error: OnStoreError,
    pub(super) budget_on_store_error: OnStoreError,
    pub(super) replicas: u64,
    pub(super) timeout: Duration,
    pub(super) lease: Duration,
    pub(super) queue: usize,
}

impl RedisOptions {
    /// The defaults: prefix `{completions}`, requests, tokens and answers in progress counted locally while Redis is away,
    /// budgets closed; one replica; 40 ms for an admission; leases of a minute; 65,536 settlements that may wait.
    pub fn new() -> Self {
        Self {
            prefix: "{completions}".to_owned(),
            on_store_error: OnStoreError::Local,
            budget_on_store_error: OnStoreError::Closed,
            replicas: 1,
            timeout: Duration::from_millis(40),
            lease: Duration::from_secs(60),
            queue: 1 << 16,
        }
    }

    /// What all keys begin with. A part in braces is the hash tag, which puts them all into one slot of a cluster: an
    /// admission needs its caller and the caller's scopes together; without braces all of it is the tag. Limiters whose callers share nothing may have tags of
    /// their own.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        let is_tagged = prefix.split_once('{').is_some_and(|(_, rest)| rest.find('}').is_some_and(|end| end > 0));
        Self { prefix: if is_tagged { prefix } else { format!("{{{prefix}}}") }, ..self }
    }

    /// What to do about requests, tokens and answers in progress while Redis is away.
    #[must_use]
    pub fn on_store_error(self, choice: OnStoreError) -> Self {
        Self { on_store_error: choice, ..self }
    }

    /// What to do about budgets while Redis is away.
    #[must_use]
    pub fn budget_on_store_error(self, choice: OnStoreError) -> Self {
        Self { budget_on_store_error: choice, ..self }
    }

    /// How many processes share the limits: what each allows by itself while Redis is away is this part of them, and one
    /// at the least.
    #[must_use]
    pub fn replicas(self, replicas: u64) -> Self {
        Self { replicas: replicas.max(1), ..self }
    }

    /// How long an admission may take before Redis counts as away.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How long what an answer in progress holds stays held when its process has gone. It is renewed while the process
    /// lives; at least a second.
    #[must_use]
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease: lease.max(Duration::from_secs(1)), ..self }
    }

    /// How many settlements may wait one by one; beyond that they are summed for each subject.
    #[must_use]
    pub fn queue(self, settlements: usize) -> Self {
        Self { queue: settlements, ..self }
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_are_in_one_slot() {
        for (prefix, tagged) in [("a", "{a}"), ("a{b}c", "a{b}c"), ("{b}", "{b}"), ("a{}", "{a{}}"), ("a{b", "{a{b}")] {
            assert_eq!(RedisOptions::new().prefix(prefix).prefix, tagged);
        }
    }

    #[test]
    fn settings_are_kept() {
        let options = RedisOptions::new()
            .prefix("a")
            .on_store_error(OnStoreError::Open)
            .budget_on_store_error(OnStoreError::Local)
            .replicas(0)
            .timeout(Duration::from_secs(2))
            .lease(Duration::ZERO)
            .queue(3);
        assert_eq!((&*options.prefix, options.replicas, options.queue), ("{a}", 1, 3));
        assert_eq!((options.timeout, options.lease), (Duration::from_secs(2), Duration::from_secs(1)));
        assert_eq!(options.on_store_error, OnStoreError::Open);
        assert_eq!(options.budget_on_store_error, OnStoreError::Local);
    }
}
