//! Writing JSON: strings, numbers, and values without the white space between them.

use bytes::BufMut;

use super::prefix::{is_special, plain_prefix, special_bytes};
use super::raw::Raw;

/// Appends a string in quotes, escaped as RFC 8259 demands and no further.
pub fn write_str(out: &mut impl BufMut, text: &str) {
    out.put_u8(b'"');
    if is_short_and_plain(text.as_bytes()) {
        out.put_slice(text.as_bytes());
    } else {
        write_escaped(out, text);
    }
    out.put_u8(b'"');
}

/// Whether nothing in a name or an id has to be escaped.
fn is_short_and_plain(text: &[u8]) -> bool {
    const SHORT: usize = 40;
    let is_plain = |word: &[u8; 8]| special_bytes(u64::from_le_bytes(*word)) == 0;
    match text.last_chunk() {
        // The last word may lap over the one before it.
        Some(last) => text.len() <= SHORT && text.as_chunks().0.iter().all(is_plain) && is_plain(last),
        None => !text.iter().any(|byte| is_special(*byte)),
    }
}

pub(super) fn write_escaped(out: &mut impl BufMut, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_prefix(rest));
        out.put_slice(plain);
        let Some((&byte, after)) = special.split_first() else { return };
        match byte {
            b'"' | b'\\' => out.put_slice(&[b'\\', byte]),
            b'\n' => out.put_slice(b"\\n"),
            b'\r' => out.put_slice(b"\\r"),
            b'\t' => out.put_slice(b"\\t"),
            _ => {
                let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
                out.put_slice(b"\\u00");
                out.put_slice(&[hex(byte >> 4), hex(byte)]);
            }
        }
        rest = after;
    }
}

/// Appends a whole number in decimal.
pub fn write_u64(out: &mut impl BufMut, mut number: u64) {
    match number {
        0..10 => return out.put_u8(b'0' + number as u8),
        10..100 => return out.put_slice(&two_digits(number)),
        _ => {}
    }
    let mut pairs = [[b'0'; 2]; 10];
    let mut first = 0;
    for (at, pair) in pairs.iter_mut().enumerate().rev() {
        *pair = two_digits(number % 100);
        number /= 100;
        first = at;
        if number == 0 {
            break;
        }
    }
    let zeros = 2 * first + usize::from(pairs[first][0] == b'0');
    out.put_slice(&pairs.as_flattened()[zeros..]);
}

/// A number below 100 in decimal.
#[inline]
pub(crate) fn two_digits(number: u64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

/// Appends a value without the white space between its tokens. Strings and numbers stay as they are written.
pub fn write_compact(out: &mut impl BufMut, value: Raw<'_>) {
    let mut rest = value.text().as_bytes();
    while let Some(&byte) = rest.first() {
        let token = match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {
                rest = &rest[1..];
                continue;
            }
            b'"' => string_len(rest),
            _ => 1,
        };
        out.put_slice(&rest[..token]);
        rest = &rest[token..];
    }
}

/// The length, with both quotes, of the checked string that begins here.
fn string_len(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_serde_json_does() {
        for text in ["", "plain", "a\"b\\c\nd\re\tf\u{1}\u{1f}\u{7f}", "é\u{2028}😀", &"long ".repeat(50)] {
            let theirs: String = serde_json::from_str(&written(|out| write_str(out, text))).unwrap();
            assert_eq!(theirs, text);
        }
        assert_eq!(written(|out| write_str(out, "\u{1}")), "\"\\u0001\"");
    }

    #[test]
    fn what_is_special_is_escaped_wherever_it_stands() {
        for length in 1..50 {
            for at in 0..length {
                for special in ['"', '\\', '\n', '\u{1f}', 'é', '\u{7f}'] {
                    let mut text = "x".repeat(length);
                    text.replace_range(at..at + 1, special.encode_utf8(&mut [0; 4]));
                    let written = written(|out| write_str(out, &text));
                    assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
                }
            }
        }
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 99, 100, 101, 1_000, 1_234_567_890, 10_u64.pow(19), u64::MAX] {
            assert_eq!(written(|out| write_u64(out, number)), number.to_string());
        }
    }

    #[test]
    fn compact_touches_only_the_space_between_tokens() {
        let value = Raw::parse("{ \"a b\" :\t[ 1.50 , \"x \\\" y\" ,\n true ] }").unwrap();
        assert_eq!(written(|out| write_compact(out, value)), r#"{"a b":[1.50,"x \" y",true]}"#);
    }
}
