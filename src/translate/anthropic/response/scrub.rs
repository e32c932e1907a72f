//! What must not reach a client in a provider's own words.

use std::fmt;
use std::sync::Arc;

/// The longest message of a provider that is passed on, in characters.
const MAX_MESSAGE: usize = 1_000;

/// The configured secrets that are taken out of a provider's messages.
#[derive(Clone, Default)]
pub(crate) struct Scrub(Arc<[Box<str>]>);

impl Scrub {
    /// Takes out these secrets. An empty one is no secret.
    pub(crate) fn new<S: Into<Box<str>>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let secrets = secrets.into_iter().map(Into::<Box<str>>::into);
        Self(secrets.filter(|secret| !secret.is_empty()).collect())
    }

    /// The message without the secrets, and of a length that fits an error.
    pub(super) fn clean(&self, message: &str) -> String {
        let mut clean = message.to_owned();
        for secret in &*self.0 {
            // Only where it occurs, so that an ordinary message is copied once.
            if clean.contains(&**secret) {
                clean = clean.replace(&**secret, "***");
            }
        }
        if let Some((end, _)) = clean.char_indices().nth(MAX_MESSAGE) {
            clean.truncate(end);
        }
        clean
    }
}

impl fmt::Debug for Scrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrub(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_before_the_cut_so_that_none_is_cut_in_two() {
        let scrub = Scrub::new(["sk-secret", ""]);
        assert_eq!(scrub.clean("key sk-secret, sk-secret"), "key ***, ***");
        let long = scrub.clean(&format!("{}sk-secret", "é".repeat(MAX_MESSAGE - 3)));
        assert_eq!((long.chars().count(), long.ends_with("***")), (MAX_MESSAGE, true));
        assert!(!format!("{scrub:?}").contains("sk-"));
    }
}
