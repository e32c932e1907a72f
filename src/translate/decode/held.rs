//! A limit on what is kept back.

use crate::error::ApiError;

/// How many bytes of one answer may be kept back until their turn comes.
const MAX_HELD: usize = 32 << 20;

/// Counts what was ever kept back of one answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(usize);

impl Held {
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.0 = self.0.saturating_add(bytes);
        if self.0 > MAX_HELD { Err(ApiError::upstream_too_large()) } else { Ok(()) }
    }
}
