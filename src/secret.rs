//! A string that must not be seen: an API key, a provider's or a caller's.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

/// A secret string, which prints as `***` and is overwritten with zeros when its last clone is dropped.
///
/// There is no `Display`, no `PartialEq` and no serde implementation, so that it reaches neither a log line nor a
/// document by accident; [`expose`](Self::expose) is the one way to the text, and easy to search for.
///
/// The overwriting is a best effort: this crate has no unsafe code, so nothing *forces* the compiler to keep it, and it
/// knows nothing of copies that were made before the text came here or after it was exposed.
///
/// ```
/// use tower_completions::Secret;
///
/// let key = Secret::new("sk-ant-1234");
/// assert_eq!(format!("{key:?}"), "***");
/// assert_eq!(key.expose(), "sk-ant-1234");
/// ```
///
/// It cannot be serialised:
///
/// ```compile_fail,E0277
/// serde_json::to_string(&tower_completions::Secret::new("sk-ant-1234")).unwrap();
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Text>);

struct Text(String);

impl Secret {
    /// Keeps the text. A `String` is taken over without a copy; of a `&str` the original stays where it was.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Text(text.into())))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0.0
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        wipe(&mut std::mem::take(&mut self.0).into_bytes());
    }
}

/// Zeros, kept by `black_box` from being optimised away as writes that nobody reads.
fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    black_box(bytes);
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_nothing_of_itself_in_any_form() {
        let secret = Secret::new("planted");
        assert_eq!(format!("{secret:?} {secret:#?} {secret:40?}"), "*** *** ***");
        assert_eq!(format!("{:?}", Some(secret.clone())), "Some(***)");
        assert_eq!(secret.expose(), "planted");
    }

    #[test]
    fn wiping_overwrites_every_byte() {
        let mut bytes = b"planted".to_vec();
        wipe(&mut bytes);
        assert_eq!(bytes, [0; 7]);
    }

    #[test]
    fn a_clone_outlives_the_first() {
        let first = Secret::from("planted".to_owned());
        let second = first.clone();
        drop(first);
        assert_eq!(second.expose(), "planted");
    }
}
