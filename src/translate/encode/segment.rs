//! A text as one segment of a path.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with everything percent-encoded but the unreserved characters of RFC 3986, so that none of it divides the
/// path.
pub(crate) fn segment(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn only_unreserved_characters_stay() {
        for (text, expected) in [
            ("anthropic.claude-sonnet-4-20250514-v1:0", "anthropic.claude-sonnet-4-20250514-v1%3A0"),
            ("a/b?c#d%2F é", "a%2Fb%3Fc%23d%252F%20%C3%A9"),
            ("A-z_0.~", "A-z_0.~"),
            ("", ""),
        ] {
            assert_eq!(segment(text), expected);
        }
    }
}
