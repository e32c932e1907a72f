//! The names under which turns are kept.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::auth::Principal;
use crate::chat::{Message, PartKind};
use crate::json::{Raw, Text};

/// The name of one turn of one caller: a SHA-256, so that it has a fixed size and tells a store nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TurnKey([u8; 32]);

impl TurnKey {
    /// The digest, for a store to use as its key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The digest is not printed.
impl fmt::Debug for TurnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnKey").finish_non_exhaustive()
    }
}

/// Makes the keys of one caller. What is hashed begins with the caller, and whatever is not the last of it has a length of
/// its own, so that no two callers can have one key.
#[derive(Clone)]
pub(super) struct Keys(Sha256);

impl Keys {
    pub(super) fn of(caller: Option<&Principal>) -> Self {
        let mut hash = Sha256::new();
        hash.update([u8::from(caller.is_some())]);
        if let Some(caller) = caller {
            hash.update((caller.id.len() as u64).to_be_bytes());
            hash.update(caller.id.as_bytes());
        }
        Self(hash)
    }

    /// The key of a turn that calls tools, by the id of its first call.
    pub(super) fn call(&self, id: Text<'_>) -> TurnKey {
        let mut hash = self.0.clone();
        hash.update(b"call:");
        hash.update(id.to_str().as_bytes());
        TurnKey(hash.finalize().into())
    }

    /// The key of a turn that says something after this message. "Yes." is said in many conversations, but after one
    /// question in few.
    pub(super) fn said_after(&self, message: Option<&Message<'_>>) -> Said {
        let mut hash = self.0.clone();
        hash.update(b"said:");
        hash.update(message.map(digest).unwrap_or_default());
        Said { hash, is_empty: true }
    }
}

fn digest(message: &Message<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    if let Some(id) = message.given("tool_call_id").and_then(Raw::as_text) {
        hash.update(id.to_str().as_bytes());
    }
    each_text(message, |text| hash.update(text.to_str().as_bytes()));
    hash.finalize().into()
}

/// The texts of a message, whether it is one string or several parts.
pub(super) fn each_text<'a>(message: &Message<'a>, mut each: impl FnMut(Text<'a>)) {
    for part in message.parts().flatten() {
        if let PartKind::Text(text) = part.kind() {
            each(text);
        }
    }
}

/// What a turn says, as far as it has come.
#[derive(Clone)]
pub(super) struct Said {
    hash: Sha256,
    is_empty: bool,
}

impl Said {
    pub(super) fn push(&mut self, text: Text<'_>) {
        if !text.is_empty() {
            self.is_empty = false;
            self.hash.update(text.to_str().as_bytes());
        }
    }

    /// The key; none for a turn that says nothing.
    pub(super) fn key(&self) -> Option<TurnKey> {
        (!self.is_empty).then(|| TurnKey(self.hash.clone().finalize().into()))
    }
}
