//! Patterns with `*`, as hosts write them for the names of models.

use memchr::memmem;

/// Whether the text is what the pattern says: `*` is any text, also none, and everything else is itself. Takes time linear in both.
///
/// The first piece of the pattern has to begin the text, the last has to end it, and each between is taken where it is
/// first found: no later place could leave more room for the rest, so nothing is ever tried twice.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let Some(first) = memchr::memchr(b'*', pattern) else { return pattern == text };
    let last = memchr::memrchr(b'*', pattern).unwrap_or(first);
    let Some(text) = text.strip_prefix(&pattern[..first]) else { return false };
    let Some(mut text) = text.strip_suffix(&pattern[last + 1..]) else { return false };
    for piece in pattern[first..last].split(|byte| *byte == b'*') {
        let Some(at) = memmem::find(text, piece) else { return false };
        text = &text[at + piece.len()..];
    }
    true
}
