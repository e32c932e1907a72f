//! What keys may use, and where that is counted.

use tower_completions::Secret;
use tower_completions::auth::{Budget, BudgetWindow, Limits};

use super::table::{Refusal, Table, Value};

/// Where limits are counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// In memory, if there is none. It may hold a password.
    pub(crate) redis: Option<Secret>,
    pub(crate) on_store_error: OnStoreError,
    pub(crate) budget_on_store_error: OnStoreError,
}

/// What is done while the store is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnStoreError {
    /// Everybody is let in.
    Open,
    /// Nobody is.
    Closed,
    /// This process counts for itself.
    #[default]
    Local,
}

pub(super) fn counters(mut table: Table<'_>) -> Result<Counters, Refusal> {
    let redis = table.take("redis").map(|url| redis_url(&url)).transpose()?;
    let mut on_error = |field, otherwise| match table.take(field) {
        Some(choice) => on_store_error(&choice),
        None => Ok(otherwise),
    };
    let on_store_error = on_error("on_store_error", OnStoreError::Local)?;
    let budget_on_store_error = on_error("budget_on_store_error", OnStoreError::Closed)?;
    table.finish()?;
    Ok(Counters { redis, on_store_error, budget_on_store_error })
}

fn redis_url(url: &Value<'_>) -> Result<Secret, Refusal> {
    let text = url.text()?;
    if text.starts_with("redis://") { Ok(Secret::new(text)) } else { Err(url.refuse("must be redis://HOST:PORT/DB")) }
}

fn on_store_error(choice: &Value<'_>) -> Result<OnStoreError, Refusal> {
    match choice.text()? {
        "open" => Ok(OnStoreError::Open),
        "closed" => Ok(OnStoreError::Closed),
        "local" => Ok(OnStoreError::Local),
        _ => Err(choice.refuse("must be open, closed or local")),
    }
}

/// The limits in the table of a key.
pub(super) fn limits(key: &mut Table<'_>) -> Result<Limits, Refusal> {
    let mut count = |field| key.take(field).map(|count| count.count()).transpose();
    let (rpm, tpm, parallel) = (count("rpm")?, count("tpm")?, count("parallel")?);
    let budget = key.take("budget_usd").map(|usd| usd.dollars()).transpose()?;
    let window = key.take("budget_window");
    let budget = match (budget, &window) {
        (Some(usd), None) => Some(Budget::total_usd(usd)),
        (Some(usd), Some(window)) => Some(Budget::new(Budget::total_usd(usd).nano_usd, budget_window(window)?)),
        (None, None) => None,
        (None, Some(window)) => return Err(window.refuse("there is no budget_usd")),
    };
    Ok(Limits::new().requests_per_minute(rpm).tokens_per_minute(tpm).parallel(parallel).budget(budget))
}

fn budget_window(window: &Value<'_>) -> Result<BudgetWindow, Refusal> {
    match window.text()? {
        "day" => Ok(BudgetWindow::Day),
        "month" => Ok(BudgetWindow::Month),
        "total" => Ok(BudgetWindow::Total),
        _ => Err(window.refuse("must be day, month or total")),
    }
}
