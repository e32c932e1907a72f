//! Half characters in JSON strings.

use std::sync::LazyLock;

use bytes::BufMut;
use memchr::memmem::Finder;

/// Finds what may be half a character. To make it costs as much as to search some 2 kB.
static UNICODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\\u"));

/// The length of `\ud83d`.
const ESCAPE: usize = 6;

/// Appends the inside of a JSON string. The escape of a surrogate without its other half becomes that of U+FFFD: Rust's
/// clients refuse the whole document for it, and Python's fail when they print it.
pub(super) fn write_whole(out: &mut impl BufMut, body: &str) {
    let bytes = body.as_bytes();
    // Up to here everything is written; from there on it is searched. Both stand between two characters.
    let (mut written, mut at) = (0, 0);
    while let Some(found) = UNICODE.find(&bytes[at..]) {
        let escape = at + found;
        let backslashes = bytes[at..escape].iter().rev().take_while(|byte| **byte == b'\\').count();
        if !backslashes.is_multiple_of(2) {
            at = escape + 2;
            continue;
        }
        match (unit(&bytes[escape..]), bytes.get(escape + ESCAPE..).and_then(unit)) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => at = escape + 2 * ESCAPE,
            (Some(0xD800..0xE000), _) => {
                out.put_slice(&bytes[written..escape]);
                out.put_slice(br"\ufffd");
                at = escape + ESCAPE;
                written = at;
            }
            _ => at = escape + 2,
        }
    }
    out.put_slice(&bytes[written..]);
}

/// What a `\u` escape stands for, if the text begins with one.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::super::Text;

    fn written(body: &str) -> String {
        let mut out = Vec::new();
        Text::escaped(body).write_quoted(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn half_a_character_is_none() {
        for (body, expected) in [
            (r"\ude00\t", r"\ufffd\t"),
            (r"a\ud83d", r"a\ufffd"),
            (r"\ud83d\ud83d\ude00\uDE00", r"\ufffd\ud83d\ude00\ufffd"),
            (r"\ud83d\n\ude00", r"\ufffd\n\ufffd"),
            (r"\uD83D\\ude00", r"\ufffd\\ude00"),
            (r"\\ud83d\\\ud83d", r"\\ud83d\\\ufffd"),
            (r"\u00e9\ud83d\ude00\u20ac\n", r"\u00e9\ud83d\ude00\u20ac\n"),
        ] {
            assert_eq!(written(body), format!("\"{expected}\""));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(body in r"(\\ud83d|\\ude00|\\uDBFF|\\uDC00|\\u0041|\\\\|\\n|u|d|é){0,12}") {
            prop_assume!(serde_json::from_str::<&RawValue>(&format!("\"{body}\"")).is_ok());
            let read: String = serde_json::from_str(&written(&body)).unwrap();
            prop_assert_eq!(read, Text::escaped(&body).to_str());
        }
    }
}
