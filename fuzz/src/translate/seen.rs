//! What a usage cell holds, comparable.

use tower_completions::{Usage, UsageCell};

#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) usage: Option<Usage>,
    pub(crate) model: Option<String>,
    pub(crate) finish_reason: Option<String>,
    pub(crate) failure: Option<String>,
    pub(crate) complete: bool,
    pub(crate) text_bytes: u64,
}

impl Seen {
    pub(crate) fn of(cell: &UsageCell) -> Self {
        let seen = cell.observed();
        Self {
            usage: seen.usage,
            model: seen.model,
            finish_reason: seen.finish_reason,
            failure: seen.failure,
            complete: seen.complete,
            text_bytes: seen.text_bytes,
        }
    }
}
