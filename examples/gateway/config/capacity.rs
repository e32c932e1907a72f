//! How much there may be at once, who goes first when there is more, and how it ends.

use std::time::Duration;

use tower_completions::auth::Priority;

use super::table::{Refusal, Table, Value};

/// How many answers there may be in progress, of all keys together.
#[derive(Debug, PartialEq)]
pub(crate) struct Shed {
    pub(crate) max_in_flight: usize,
    /// The part of them that keys of normal priority may take. If nothing is said, a tenth is kept for the important, where
    /// there are any.
    pub(crate) normal_share: Option<f64>,
    pub(crate) low_share: f64,
}

pub(super) fn shed(mut table: Table<'_>) -> Result<Shed, Refusal> {
    let max = table.require("max_in_flight")?;
    let max_in_flight = usize::try_from(max.count()?).map_err(|_| max.refuse("is too large"))?;
    let mut share = |field| table.take(field).map(|share| part(&share)).transpose();
    let (normal_share, low_share) = (share("normal_share")?, share("low_share")?.unwrap_or(0.5));
    table.finish()?;
    Ok(Shed { max_in_flight, normal_share, low_share })
}

fn part(value: &Value<'_>) -> Result<f64, Refusal> {
    match value.dollars() {
        Ok(part) if part <= 1.0 => Ok(part),
        _ => Err(value.refuse("must be a number between 0 and 1")),
    }
}

pub(super) fn priority(value: &Value<'_>) -> Result<Priority, Refusal> {
    match value.text()? {
        "low" => Ok(Priority::Low),
        "normal" => Ok(Priority::Normal),
        "high" => Ok(Priority::High),
        _ => Err(value.refuse("must be low, normal or high")),
    }
}

/// How long answers may take to end once the gateway is told to stop.
pub(super) fn drain(table: Option<Value<'_>>) -> Result<Duration, Refusal> {
    let Some(table) = table else { return Ok(Duration::from_secs(25)) };
    let mut table = table.table()?;
    let drain = table.require("drain_ms")?.millis()?;
    table.finish()?;
    Ok(drain)
}
