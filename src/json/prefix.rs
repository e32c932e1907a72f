//! How far the plain part of a string goes, many bytes at a time.

/// What the compiler makes one vector of.
const BLOCK: usize = 16;
const WORD: usize = size_of::<u64>();
/// Most strings are shorter, in bytes.
pub(super) const SHORT: usize = 4 * WORD;

/// How many bytes from the start are neither a quote, a backslash nor a control character.
///
/// In a long string memchr finds the quote or backslash, and a loop without branches, which the compiler turns into vector
/// instructions, sees that no control character comes before it.
pub(super) fn plain_prefix(text: &[u8]) -> usize {
    if let Some(found) = short_prefix(text) {
        return found;
    }
    let at = text.len().min(SHORT);
    let rest = &text[at..];
    let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    if has_control(&rest[..end]) {
        return at + rest.iter().position(|&byte| is_special(byte)).unwrap_or(end);
    }
    at + end
}

/// Whether there is a control character: a block at a time, of which the last may lap over the one before it.
fn has_control(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk::<BLOCK>() else { return text.iter().any(|&byte| byte < 0x20) };
    let mut least = *last;
    for block in text.as_chunks::<BLOCK>().0 {
        for (least, &byte) in least.iter_mut().zip(block) {
            *least = byte.min(*least);
        }
    }
    least.iter().any(|&byte| byte < 0x20)
}

/// Where a string ends whose first byte is next: the bytes up to its quote, and whether there are escapes among them. `None`
/// if it is no string.
pub(super) fn string_prefix(text: &[u8]) -> Option<(usize, bool)> {
    let mut at = plain_prefix(text);
    let plain = at;
    loop {
        let rest = text.get(at..)?;
        match rest {
            [b'"', ..] => return Some((at, at > plain)),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => at += 2,
            [b'\\', b'u', digits @ ..] if digits.first_chunk::<4>()?.iter().all(u8::is_ascii_hexdigit) => at += 6,
            _ => return None,
        }
        at += plain_prefix(&text[at..]);
    }
}

/// The same as [`plain_prefix`] if it is less than [`SHORT`], as it is in most strings.
fn short_prefix(text: &[u8]) -> Option<usize> {
    let text = &text[..text.len().min(SHORT)];
    special_in_words(text).or_else(|| {
        let rest = text.as_chunks::<WORD>().1;
        let found = rest.iter().position(|&byte| is_special(byte))?;
        Some(text.len() - rest.len() + found)
    })
}

/// The place of the first byte that is special, if it is in the first four whole words.
pub(super) fn special_in_words(text: &[u8]) -> Option<usize> {
    for (at, word) in text.as_chunks().0.iter().take(SHORT / WORD).enumerate() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return Some(at * WORD + special.trailing_zeros() as usize / 8);
        }
    }
    None
}

pub(super) fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// The high bit of each byte that is special. Right up to and including the lowest such byte, which is the one that counts.
pub(super) fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES * 0x80;
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    (zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | below_space) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found_wherever_it_is() {
        for special in [b'"', b'\\', 0, 0x1f] {
            for len in 0..80 {
                for at in 0..len {
                    let mut text = vec![0x80 | at as u8; len];
                    text[at] = special;
                    assert_eq!(plain_prefix(&text), at);
                }
            }
        }
        for plain in [0x20, 0x21, b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
            assert_eq!(plain_prefix(&[plain; 77]), 77);
        }
    }
}
