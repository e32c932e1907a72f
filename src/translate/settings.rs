//! What a host can choose for every dialect.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

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
        let now = (self.clock)().duration_since(UNIX_EPOCH).unwrap_or_default();
        AnswerHead::new(now.as_secs(), random_id)
    }
}

/// An id for an answer to which the provider gave none. `RandomState` brings fresh randomness with every call.
fn random_id() -> String {
    let random = || RandomState::new().hash_one(0_u8);
    format!("chatcmpl-{:016x}{:016x}", random(), random())
}
