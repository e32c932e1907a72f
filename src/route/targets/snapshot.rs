use std::sync::Arc;
use std::time::Duration;

use super::health::Standing;
use super::pool::Entry;

/// How one target is, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is asked.
    pub state: TargetState,
    /// Its failures since the last answer that came to its end.
    pub failures: u32,
    /// Its answers in progress, each until its last byte.
    pub in_flight: u32,
    /// How long its first token takes, smoothed: `None` before the first answer.
    pub first_token: Option<Duration>,
    /// How many requests it was asked in all.
    pub asked: u64,
    /// How many of these failed, before or in the middle of their answers.
    pub failed: u64,
}

/// Whether a target is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetState {
    /// It is well.
    Ready,
    /// It is left alone for so long.
    Resting(Duration),
    /// It has rested enough: one request finds out whether it is well again, or is about to.
    HalfOpen,
}

impl TargetSnapshot {
    pub(super) fn of(entry: &Entry, now: Duration) -> Self {
        let condition = entry.condition();
        let state = match (condition.standing(now), condition.until) {
            (Standing::Ready, _) | (_, None) => TargetState::Ready,
            (_, Some(until)) if now < until => TargetState::Resting(until.saturating_sub(now)),
            _ => TargetState::HalfOpen,
        };
        Self {
            name: entry.target.name.clone(),
            state,
            failures: condition.failures,
            in_flight: condition.in_flight,
            first_token: condition.first_token.map(|(takes, _)| takes),
            asked: condition.asked,
            failed: condition.failed,
        }
    }
}
