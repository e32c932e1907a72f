//! Keeping the provider's credentials out of what a client is shown.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// How much of a provider's message is passed on, in characters.
const MAX_MESSAGE: usize = 1000;

/// Cleans a provider's error message before a client sees it.
///
/// A provider may repeat a key that it refuses. Every occurrence of a configured secret becomes `***`, and the message
/// is cut to a sensible length.
#[derive(Clone, Default)]
pub struct Scrub(Arc<[Box<str>]>);

impl Scrub {
    /// Cleans messages of these secrets.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self(secrets.into_iter().filter(|secret| !secret.is_empty()).map(Box::from).collect())
    }

    /// The message as it may be shown.
    pub fn clean(&self, message: &str) -> String {
        let clean = self.0.iter().fold(Cow::Borrowed(message), |message, secret| {
            if message.contains(&**secret) { Cow::Owned(message.replace(&**secret, "***")) } else { message }
        });
        match clean.char_indices().nth(MAX_MESSAGE) {
            Some((end, _)) => format!("{}…", &clean[..end]),
            None => clean.into_owned(),
        }
    }
}

impl fmt::Debug for Scrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scrub").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_endless_messages_do_not_pass() {
        let scrub = Scrub::new(["sk-1", ""]);
        assert_eq!(scrub.clean("bad key sk-1, yes sk-1"), "bad key ***, yes ***");
        assert_eq!(scrub.clean(&"é".repeat(2000)).chars().count(), MAX_MESSAGE + 1);
        assert!(!format!("{scrub:?}").contains("sk-1"));
    }
}
