//! What is done about providers that fail: `[retry]` and `[health]`.

use std::time::Duration;

use super::table::{Refusal, Table};

/// How often the same provider is asked again.
#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) retries: u32,
    /// The longest first wait.
    pub(crate) backoff: Duration,
    /// The longest `retry-after` that is waited for.
    pub(crate) max_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { retries: 2, backoff: Duration::from_millis(500), max_wait: Duration::from_secs(5) }
    }
}

/// When a target rests.
#[derive(Debug)]
pub(crate) struct Health {
    /// After so many failures in a row.
    pub(crate) failures: u32,
    /// For so long at first, and at most.
    pub(crate) rest: Duration,
    pub(crate) max_rest: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self { failures: 3, rest: Duration::from_secs(5), max_rest: Duration::from_secs(60) }
    }
}

pub(super) fn retry(mut table: Table<'_>) -> Result<Retry, Refusal> {
    let mut retry = Retry::default();
    if let Some(retries) = table.take("retries") {
        retry.retries = match retries.count()? {
            count @ 0..=10 => count as u32,
            _ => return Err(retries.refuse("must be at most 10")),
        };
    }
    if let Some(backoff) = table.take("backoff_ms") {
        retry.backoff = backoff.millis()?;
    }
    if let Some(wait) = table.take("max_wait_ms") {
        retry.max_wait = wait.millis()?;
    }
    table.finish()?;
    Ok(retry)
}

pub(super) fn health(mut table: Table<'_>) -> Result<Health, Refusal> {
    let mut health = Health::default();
    if let Some(failures) = table.take("failures") {
        health.failures = match failures.count()? {
            count @ 1..=1_000 => count as u32,
            _ => return Err(failures.refuse("must be between 1 and 1000")),
        };
    }
    if let Some(rest) = table.take("rest_ms") {
        health.rest = rest.millis()?;
        health.max_rest = health.max_rest.max(health.rest);
    }
    if let Some(longest) = table.take("max_rest_ms") {
        health.max_rest = longest.millis()?;
        if health.max_rest < health.rest {
            return Err(longest.refuse("is less than rest_ms"));
        }
    }
    table.finish()?;
    Ok(health)
}
