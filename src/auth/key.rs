use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::digest::Digest;
use super::{PresentedKey, Principal};

/// One entry of [`MemoryKeys`](super::MemoryKeys): a caller, and the SHA-256 of the secret by which it is known.
///
/// The caller is given as a whole [`Principal`], or as its id alone.
///
/// ```
/// use tower_completions::auth::{Key, Limits, Principal};
///
/// let alice = Key::new("alice", "sk-test-alice")?;
/// let limited = Principal::new("bob").limits(Limits::new().requests_per_minute(60));
/// let bob = Key::from_sha256(limited, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")?;
/// # Ok::<(), tower_completions::auth::KeyError>(())
/// ```
#[derive(Clone)]
pub struct Key {
    pub(super) principal: Principal,
    pub(super) digest: Digest,
    pub(super) expires: Option<SystemTime>,
    pub(super) disabled: bool,
}

impl Key {
    /// A key by its secret, of which only the digest is kept.
    ///
    /// # Errors
    ///
    /// The id or the secret is empty, or the secret holds what no caller can send: anything but visible ASCII.
    pub fn new(principal: impl Into<Principal>, secret: &str) -> Result<Self, KeyError> {
        let principal = principal.into();
        if secret.is_empty() {
            return Err(KeyError::new(&principal, KeyErrorKind::EmptySecret));
        }
        if PresentedKey::new(secret).is_none() {
            return Err(KeyError::new(&principal, KeyErrorKind::UnusableSecret));
        }
        Self::from_digest(principal, Digest::of(secret))
    }

    /// A key by the SHA-256 of its secret, in 64 hexadecimal digits: what `printf %s SECRET | sha256sum` prints.
    ///
    /// The secret should be random and long: whoever reads the digest of a guessable one finds it.
    ///
    /// # Errors
    ///
    /// The id is empty, or the digest is malformed or that of the empty secret.
    pub fn from_sha256(principal: impl Into<Principal>, hex: &str) -> Result<Self, KeyError> {
        let principal = principal.into();
        match Digest::from_hex(hex) {
            None => Err(KeyError::new(&principal, KeyErrorKind::MalformedSha256)),
            Some(digest) if digest == Digest::of("") => Err(KeyError::new(&principal, KeyErrorKind::EmptySecret)),
            Some(digest) => Self::from_digest(principal, digest),
        }
    }

    fn from_digest(principal: Principal, digest: Digest) -> Result<Self, KeyError> {
        if principal.id.is_empty() {
            return Err(KeyError::new(&principal, KeyErrorKind::EmptyId));
        }
        Ok(Self { principal, digest, expires: None, disabled: false })
    }

    /// The moment from which on the key is refused. Without one, which is the default, it never expires.
    #[must_use]
    pub fn expires(mut self, at: impl Into<Option<SystemTime>>) -> Self {
        self.expires = at.into();
        self
    }

    /// Whether the key is refused although it is known; `false` by default.
    #[must_use]
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }
}

/// The digest is not printed.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("principal", &self.principal)
            .field("expires", &self.expires)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// A key that cannot be used, named by its id and never by its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    id: Arc<str>,
    kind: KeyErrorKind,
}

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// The id is empty.
    EmptyId,
    /// The secret is empty.
    EmptySecret,
    /// The secret holds something other than visible ASCII characters, often a space or a newline at its end.
    UnusableSecret,
    /// The SHA-256 is not 64 hexadecimal digits.
    MalformedSha256,
    /// An earlier key has the same id.
    DuplicateId,
    /// An earlier key has the same secret.
    DuplicateSecret {
        /// The id of the earlier key.
        other: Arc<str>,
    },
}

impl KeyError {
    pub(super) fn new(principal: &Principal, kind: KeyErrorKind) -> Self {
        Self { id: Arc::clone(&principal.id), kind }
    }

    /// The id of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is wrong with it.
    pub fn kind(&self) -> &KeyErrorKind {
        &self.kind
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {:?}: ", self.id)?;
        match &self.kind {
            KeyErrorKind::EmptyId => f.write_str("the id is empty"),
            KeyErrorKind::EmptySecret => f.write_str("the secret is empty"),
            KeyErrorKind::UnusableSecret => {
                f.write_str("the secret may hold visible ASCII characters only (is there a space or a newline in it?)")
            }
            KeyErrorKind::MalformedSha256 => f.write_str("the SHA-256 of a secret is 64 hexadecimal digits"),
            KeyErrorKind::DuplicateId => f.write_str("another key has the same id"),
            KeyErrorKind::DuplicateSecret { other } => write!(f, "it has the same secret as key {other:?}"),
        }
    }
}

impl Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_keys_are_refused_by_name() {
        use KeyErrorKind::*;

        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let cases = [
            (Key::new("alice", ""), "alice", EmptySecret),
            (Key::new("", "planted"), "", EmptyId),
            (Key::new("alice", "planted\n"), "alice", UnusableSecret),
            (Key::new("alice", " planted"), "alice", UnusableSecret),
            (Key::new("alice", "plantéd"), "alice", UnusableSecret),
            (Key::from_sha256("bob", "planted"), "bob", MalformedSha256),
            (Key::from_sha256("bob", ""), "bob", MalformedSha256),
            (Key::from_sha256("bob", empty), "bob", EmptySecret),
            (Key::from_sha256("", &empty.replace('e', "f")), "", EmptyId),
        ];
        for (key, id, kind) in cases {
            let error = key.unwrap_err();
            assert_eq!((error.id(), error.kind()), (id, &kind));
            let text = format!("{error} {error:?}");
            assert!(text.contains(&format!("{id:?}")) && !text.contains("plant"), "{text}");
        }
    }

    #[test]
    fn neither_secret_nor_digest_is_printed() {
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let text = format!("{:?} {:?}", Key::new("alice", "planted"), Key::from_sha256("bob", hex));
        assert!(text.contains("alice") && text.contains("bob"), "{text}");
        assert!(!text.contains("planted") && !text.contains("ba78") && !text.contains("186, 120"), "{text}");
    }
}
