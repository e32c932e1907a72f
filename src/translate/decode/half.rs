//! Surrogate pairs that are cut in two.

use crate::error::ApiError;
use crate::json::Text;

/// The length of `\ud83d`.
const ESCAPE: usize = 6;

/// The first half of an escaped surrogate pair, kept back because its second half is in the next event.
///
/// Each event is valid JSON by itself, but a chunk with half a character would not be text: strict clients refuse it,
/// and others join the halves to two wrong characters.
#[derive(Clone, Debug, Default)]
pub(super) struct Half(Option<[u8; ESCAPE]>);

impl Half {
    /// Hands on a text, together with what was kept back before it.
    pub(super) fn pass(
        &mut self,
        text: Text<'_>,
        mut each: impl FnMut(Text<'_>) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let mut rest = text;
        if let Some(first) = self.0.filter(|_| !text.is_empty()) {
            self.0 = None;
            match text.as_escaped().filter(|body| half(body.as_bytes(), b"cdef")) {
                Some(body) => {
                    let (second, after) = body.split_at(ESCAPE);
                    let mut pair = String::with_capacity(2 * ESCAPE);
                    pair.extend(first.map(char::from));
                    pair.push_str(second);
                    each(Text::escaped(&pair))?;
                    rest = Text::escaped(after);
                }
                None => each(REPLACEMENT)?,
            }
        }
        if let Some(body) = rest.as_escaped()
            && let Some((before, last)) = body.as_bytes().split_last_chunk::<ESCAPE>()
            && half(last, b"89ab")
            && backslashes(before).is_multiple_of(2)
        {
            self.0 = Some(*last);
            rest = Text::escaped(&body[..before.len()]);
        }
        if rest.is_empty() { Ok(()) } else { each(rest) }
    }

    /// The second half never came.
    pub(super) fn flush(&mut self, each: impl FnOnce(Text<'_>) -> Result<(), ApiError>) -> Result<(), ApiError> {
        if self.0.take().is_some() { each(REPLACEMENT) } else { Ok(()) }
    }
}

const REPLACEMENT: Text<'static> = Text::plain("\u{fffd}");

/// Whether a text begins with the escape of a surrogate whose second digit is one of these.
fn half(text: &[u8], digits: &[u8; 4]) -> bool {
    matches!(text, [b'\\', b'u', b'd' | b'D', digit, _, _, ..] if digits.contains(&digit.to_ascii_lowercase()))
}

fn backslashes(text: &[u8]) -> usize {
    text.iter().rev().take_while(|&&byte| byte == b'\\').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Raw;

    fn passed(parts: &[&str]) -> String {
        let mut half = Half::default();
        let mut out = String::new();
        let mut push = |text: Text<'_>| {
            let mut quoted = Vec::new();
            text.write_quoted(&mut quoted);
            out.push_str(&serde_json::from_slice::<String>(&quoted).unwrap());
            Ok(())
        };
        for part in parts {
            let quoted = format!("\"{part}\"");
            half.pass(Raw::parse(&quoted).unwrap().as_text().unwrap(), &mut push).unwrap();
        }
        half.flush(&mut push).unwrap();
        out
    }

    #[test]
    fn halves_are_joined() {
        assert_eq!(passed(&[r"a\ud83d", r"\ude00b"]), "a😀b");
        assert_eq!(passed(&[r"\uD83D", "", r"\uDE00\ud83d", r"\ude01"]), "😀😁");
    }

    #[test]
    fn a_lone_half_becomes_the_replacement_character() {
        assert_eq!(passed(&[r"a\ud83d", "b"]), "a\u{fffd}b");
        assert_eq!(passed(&[r"a\ud83d", r"\n"]), "a\u{fffd}\n");
        assert_eq!(passed(&[r"a\ud83d"]), "a\u{fffd}");
    }

    #[test]
    fn an_escaped_backslash_is_no_escape() {
        assert_eq!(passed(&[r"a\\ud83d", "b"]), r"a\ud83db");
        assert_eq!(passed(&[r"\\\ud83d", r"\ude00"]), r"\😀");
    }
}
