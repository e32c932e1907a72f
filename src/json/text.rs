//! Text on its way from one JSON string into another.

use std::borrow::Cow;

use bytes::BufMut;

use super::surrogate;

/// A string, either plain or as it stands between the quotes of a JSON string.
///
/// What comes out of one JSON document and goes into another needs neither unescaping nor escaping; this type carries
/// such text from a provider's event to the client's.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    body: &'a str,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As a person would read it.
    Plain,
    /// As it stands between the quotes, with escapes.
    Escaped,
    /// The same, without any `\u`: there is no half of a character in it.
    Simple,
    /// As it stands between the quotes, without any escape: also as a person would read it.
    Either,
}

/// The escapes in the inside of a JSON string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Escapes {
    /// There are none.
    None,
    /// There are some, but no `\u`.
    Simple,
    /// There may be any.
    Unknown,
}

impl<'a> Text<'a> {
    /// A plain string.
    pub const fn plain(text: &'a str) -> Self {
        Self { body: text, form: Form::Plain }
    }

    /// The inside of a JSON string that has been checked.
    pub(crate) fn escaped(body: &'a str) -> Self {
        let has_escapes = memchr::memchr(b'\\', body.as_bytes()).is_some();
        Self { body, form: if has_escapes { Form::Escaped } else { Form::Either } }
    }

    /// The same where its escapes have been seen.
    pub(crate) fn in_json(body: &'a str, escapes: Escapes) -> Self {
        match escapes {
            Escapes::None => Self::plain_json(body),
            Escapes::Simple => Self { body, form: Form::Simple },
            Escapes::Unknown => Self::escaped(body),
        }
    }

    /// The inside of a JSON string that has been checked, and has no escapes.
    pub(crate) fn plain_json(body: &'a str) -> Self {
        // Without escapes the two forms are the same text, and this one needs no escaping to be written.
        Self { body, form: Form::Either }
    }

    /// The string as it stands in its JSON document, if it comes from one.
    pub(crate) fn source(self) -> Option<&'a str> {
        (self.form != Form::Plain).then_some(self.body)
    }

    /// Whether there is no character in it.
    pub fn is_empty(self) -> bool {
        self.body.is_empty()
    }

    fn has_escapes(self) -> bool {
        matches!(self.form, Form::Escaped | Form::Simple)
    }

    /// The inside of a JSON string, if there are escapes in it.
    pub(crate) fn as_escaped(self) -> Option<&'a str> {
        self.has_escapes().then_some(self.body)
    }

    /// The number of bytes of the plain string in UTF-8.
    pub fn len(self) -> usize {
        if !self.has_escapes() {
            return self.body.len();
        }
        let bytes = |piece| match piece {
            Piece::Plain(text) => text.len(),
            Piece::Escape(character) => character.len_utf8(),
        };
        Pieces(self.body).map(bytes).sum()
    }

    /// The number of characters (Unicode scalar values) of the plain string.
    pub fn char_count(self) -> usize {
        if !self.has_escapes() {
            return self.body.chars().count();
        }
        let characters = |piece| match piece {
            Piece::Plain(text) => text.chars().count(),
            Piece::Escape(_) => 1,
        };
        Pieces(self.body).map(characters).sum()
    }

    /// Whether there is nothing but white space in it.
    pub fn is_blank(self) -> bool {
        match self.body.trim_start().chars().next() {
            None => true,
            Some('\\') if self.has_escapes() => self.to_str().chars().all(char::is_whitespace),
            Some(_) => false,
        }
    }

    /// Whether the plain string equals this one.
    pub fn eq_str(self, other: &str) -> bool {
        /// The length of `\u0061`: no escape makes a byte longer than that.
        const LONGEST: usize = 6;
        match self.form {
            Form::Escaped | Form::Simple => other.len() >= self.body.len() / LONGEST && self.to_str() == other,
            Form::Plain | Form::Either => self.body == other,
        }
    }

    /// The plain string. A lone surrogate reads as U+FFFD.
    pub fn to_str(self) -> Cow<'a, str> {
        if self.has_escapes() { Cow::Owned(unescape(self.body)) } else { Cow::Borrowed(self.body) }
    }

    /// Appends the text as it belongs between the quotes of a JSON string. A lone surrogate becomes U+FFFD.
    pub fn write_escaped(self, out: &mut impl BufMut) {
        match self.form {
            Form::Plain => super::write::write_escaped(out, self.body),
            Form::Escaped => surrogate::write_whole(out, self.body),
            Form::Simple | Form::Either => out.put_slice(self.body.as_bytes()),
        }
    }

    /// Appends the text as a JSON string, with its quotes.
    pub fn write_quoted(self, out: &mut impl BufMut) {
        out.put_u8(b'"');
        self.write_escaped(out);
        out.put_u8(b'"');
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::plain(text)
    }
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Text").field(&self.body.len()).finish()
    }
}

fn unescape(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    for piece in Pieces(body) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Escape(character) => out.push(character),
        }
    }
    out
}

/// A part of a JSON string.
enum Piece<'a> {
    Plain(&'a str),
    Escape(char),
}

/// The parts of the inside of a JSON string.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let (plain, rest) = self.0.split_at(memchr::memchr(b'\\', self.0.as_bytes()).unwrap_or(self.0.len()));
        if !plain.is_empty() {
            self.0 = rest;
            return Some(Piece::Plain(plain));
        }
        let escape = rest.as_bytes().get(1).copied().unwrap_or(b'\\');
        self.0 = rest.get(2..).unwrap_or_default();
        Some(Piece::Escape(match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => unicode(&mut self.0),
            other => char::from(other),
        }))
    }
}

/// The character of a `\u` escape whose `\u` has been read, with the second half of a surrogate pair.
fn unicode(rest: &mut &str) -> char {
    let unit = |text: &str| text.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(first) = unit(rest) else { return char::REPLACEMENT_CHARACTER };
    *rest = &rest[4..];
    if let (0xD800..0xDC00, Some(after)) = (first, rest.strip_prefix("\\u"))
        && let Some(second @ 0xDC00..0xE000) = unit(after)
    {
        *rest = &after[4..];
        return char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            .unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unescapes_as_serde_json_does() {
        for body in [r"plain", r#"\"\\\/\b\f\n\r\t"#, r"\u00e9\u20AC", r"a\ud83d\ude00b", "ünïcode \u{2028}"] {
            let theirs: String = serde_json::from_str(&format!("\"{body}\"")).unwrap();
            assert_eq!(Text::escaped(body).to_str(), theirs);
            assert_eq!(Text::escaped(body).len(), theirs.len());
            assert_eq!(Text::escaped(body).char_count(), theirs.chars().count());
            assert!(Text::escaped(body).eq_str(&theirs));
        }
    }

    #[test]
    fn the_longest_escapes_of_a_text_equal_it() {
        let text = "aé€😀\u{fffd}";
        assert!(Text::escaped(r"\u0061\u00e9\u20ac\ud83d\ude00\ud800").eq_str(text));
        assert!(!Text::escaped(r"\u0061\u0061").eq_str("a") && Text::escaped(r"\u0061").eq_str("a"));
    }

    #[test]
    fn lone_surrogates_never_panic() {
        for body in [r"\ud800", r"\ud800\ud800", r"\udc00x", r"\ud83dA", r"\ud83d\u00e9"] {
            assert!(Text::escaped(body).to_str().contains('\u{fffd}'), "{body}");
        }
    }

    #[test]
    fn goes_into_another_string_unchanged() {
        let mut out = Vec::new();
        Text::escaped(r"a\n\u00e9").write_quoted(&mut out);
        Text::plain("a\n\u{e9}\u{1}").write_quoted(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\n\\u00e9\"\"a\\n\u{e9}\\u0001\"");
    }

    #[test]
    fn blank_is_told_from_empty() {
        assert!(Text::escaped(r" \n\t ").is_blank() && !Text::escaped(r" \n").is_empty());
        assert!(!Text::plain("x").is_blank() && !Text::plain(" \\n").is_blank() && !Text::escaped(r"\n\\").is_blank());
    }
}
