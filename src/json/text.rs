//! Text on its way from one JSON string into another.

use std::borrow::Cow;

use bytes::BufMut;

/// A string, either plain or as it stands between the quotes of a JSON string.
///
/// What comes out of one JSON document and goes into another needs neither unescaping nor escaping; this type carries
/// such text from a provider's event to the client's.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    body: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// A plain string.
    pub fn plain(text: &'a str) -> Self {
        Self { body: text, escaped: false }
    }

    /// The inside of a JSON string that has been checked.
    pub(crate) fn escaped(body: &'a str) -> Self {
        Self { body, escaped: memchr::memchr(b'\\', body.as_bytes()).is_some() }
    }

    /// Whether there is no character in it.
    pub fn is_empty(self) -> bool {
        self.body.is_empty()
    }

    /// The number of bytes of the plain string in UTF-8.
    pub fn len(self) -> usize {
        if self.escaped { unescaped_len(self.body) } else { self.body.len() }
    }

    /// Whether there is nothing but white space in it.
    pub fn is_blank(self) -> bool {
        match self.body.trim_start().chars().next() {
            None => true,
            Some('\\') if self.escaped => self.to_str().chars().all(char::is_whitespace),
            Some(_) => false,
        }
    }

    /// Whether the plain string equals this one.
    pub fn eq_str(self, other: &str) -> bool {
        if self.escaped { self.to_str() == other } else { self.body == other }
    }

    /// The plain string. A lone surrogate reads as U+FFFD.
    pub fn to_str(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.body)) } else { Cow::Borrowed(self.body) }
    }

    /// Appends the text as it belongs between the quotes of a JSON string.
    pub fn write_escaped(self, out: &mut impl BufMut) {
        if self.escaped {
            out.put_slice(self.body.as_bytes());
        } else {
            super::write::write_escaped(out, self.body);
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
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        match escape {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => out.push(unicode(&mut rest)),
            other => out.push(char::from(other)),
        }
    }
    out.push_str(rest);
    out
}

/// The length of [`unescape`]'s result, without making it.
fn unescaped_len(body: &str) -> usize {
    let mut len = 0;
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let is_unicode = rest.as_bytes().get(at + 1) == Some(&b'u');
        rest = rest.get(at + 2..).unwrap_or_default();
        len += at + if is_unicode { unicode(&mut rest).len_utf8() } else { 1 };
    }
    len + rest.len()
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
            assert!(Text::escaped(body).eq_str(&theirs));
        }
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
