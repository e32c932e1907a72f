//! What a host can choose for every dialect.

use std::sync::Arc;
use std::time::SystemTime;

use crate::chat::AnswerHead;

/// How large a whole answer may be by default, in bytes.
const MAX_ANSWER: usize = 32 << 20;

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) provider: Arc<str>,
    pub(super) strict: bool,
    pub(super) max_answer: usize,
    pub(super) clock: fn() -> SystemTime,
}

impl Settings {
    pub(super) fn new(provider: &str) -> Self {
        Self { provider: provider.into(), strict: false, max_answer: MAX_ANSWER, clock: SystemTime::now }
    }

    /// The head of an answer that begins now.
    pub(super) fn answer_head(&self) -> AnswerHead {
        AnswerHead::at((self.clock)())
    }
}
