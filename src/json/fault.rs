//! What can be wrong with JSON text.

use std::fmt;

use super::scan::MAX_DEPTH;

/// Why a text is not JSON that we accept, and the byte at which that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// The offset of the byte where it shows.
    pub at: usize,
}

/// What can be wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// Not JSON.
    Syntax,
    /// The text ends before the value does.
    Truncated,
    /// Arrays and objects nest deeper than [`MAX_DEPTH`].
    TooDeep,
    /// The value is followed by something else.
    Trailing,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.kind {
            FaultKind::Syntax => write!(f, "invalid JSON at byte {at}"),
            FaultKind::Truncated => write!(f, "the JSON ends too early, at byte {at}"),
            FaultKind::TooDeep => write!(f, "arrays and objects nest deeper than {MAX_DEPTH} levels at byte {at}"),
            FaultKind::Trailing => write!(f, "something follows the JSON value at byte {at}"),
        }
    }
}

impl std::error::Error for Fault {}
