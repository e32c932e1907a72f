//! A piece of JSON text that is known to be valid.

use std::borrow::Cow;
use std::fmt;

use super::fault::Fault;
use super::kind::Kind;
use super::scan::{Member, Scanner, utf8};
use super::text::Text;

/// A borrowed piece of valid JSON: one value, without white space around it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// Checks a text: the grammar, the depth, and that nothing follows the value.
    ///
    /// # Errors
    /// A [`Fault`] with the offset of the first byte that is wrong.
    pub fn parse(text: &'a str) -> Result<Self, Fault> {
        Self::parse_inside(text, 0)
    }

    /// The same for a text that is to stand inside this many arrays and objects: together they may not be too deep.
    pub(crate) fn parse_inside(text: &'a str, levels: u32) -> Result<Self, Fault> {
        let mut scanner = Scanner::inside(text, levels);
        scanner.space();
        let span = scanner.value()?;
        scanner.end()?;
        Ok(Self(&text[span]))
    }

    /// The same for bytes, which have to be UTF-8.
    ///
    /// # Errors
    /// A [`Fault`] with the offset of the first byte that is wrong.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, Fault> {
        Self::parse(utf8(bytes)?)
    }

    /// Takes a text that has been checked already, as a part of a larger one.
    pub(crate) fn checked(text: &'a str) -> Self {
        Self(text)
    }

    /// The text itself, as it was written.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// What kind of value it is.
    pub fn kind(self) -> Kind {
        Scanner::new(self.0).kind().unwrap_or(Kind::Null)
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// `true` or `false`, if it is one.
    pub fn as_bool(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The number, if it is one that fits; what overflows is infinite, as in every other JSON reader.
    pub fn as_f64(self) -> Option<f64> {
        if self.kind() == Kind::Number { self.0.parse().ok() } else { None }
    }

    /// The number, if it is a whole one from 0 to 2⁶⁴−1, however it is written (`4096`, `4096.0`).
    pub fn as_u64(self) -> Option<u64> {
        if self.kind() != Kind::Number {
            return None;
        }
        self.0.parse().ok().or_else(|| {
            let number: f64 = self.0.parse().ok()?;
            let whole = (0.0..9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0;
            whole.then_some(number as u64)
        })
    }

    /// The string, unescaped, if it is one. A lone surrogate reads as U+FFFD.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.as_text().map(Text::to_str)
    }

    /// The string as it stands between its quotes, if it is one.
    pub fn as_text(self) -> Option<Text<'a>> {
        if self.kind() != Kind::String {
            return None;
        }
        self.0.get(1..self.0.len() - 1).map(Text::escaped)
    }

    /// The value of a field, if it is an object that has it. Of two fields with the same name the last one counts, as
    /// in most JSON readers.
    pub fn get(self, name: &str) -> Option<Raw<'a>> {
        self.fields().filter(|(key, _)| key.eq_str(name)).last().map(|(_, value)| value)
    }

    /// The fields, if it is an object; otherwise nothing.
    pub fn fields(self) -> Fields<'a> {
        Fields { text: self.0, scanner: self.scanner(Kind::Object), first: true }
    }

    /// The elements, if it is an array; otherwise nothing.
    pub fn elements(self) -> Elements<'a> {
        Elements { text: self.0, scanner: self.scanner(Kind::Array), first: true }
    }

    fn scanner(self, kind: Kind) -> Option<Scanner<'a>> {
        (self.kind() == kind).then(|| Scanner::checked(self.0))
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raw").field(&self.kind()).field(&self.0.len()).finish()
    }
}

/// The fields of an object, in their order. See [`Raw::fields`].
pub struct Fields<'a> {
    text: &'a str,
    scanner: Option<Scanner<'a>>,
    first: bool,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Text<'a>, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let Member { key, escapes, value } =
            self.scanner.as_mut()?.next_member(&mut self.first).ok().flatten().or_else(|| {
                self.scanner = None;
                None
            })?;
        Some((Text::in_json(&self.text[key], escapes), Raw(&self.text[value])))
    }
}

/// The elements of an array, in their order. See [`Raw::elements`].
pub struct Elements<'a> {
    text: &'a str,
    scanner: Option<Scanner<'a>>,
    first: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.scanner.as_mut()?.next_element(&mut self.first).ok().flatten().or_else(|| {
            self.scanner = None;
            None
        })?;
        Some(Raw(&self.text[value]))
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}

impl fmt::Debug for Elements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elements").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::FaultKind;

    fn raw(text: &str) -> Raw<'_> {
        Raw::parse(text).unwrap()
    }

    #[test]
    fn reads_in_place() {
        let value = raw(r#" {"a": [1, "x", {}], "a\u0062": null, "s": "t\n"} "#);
        assert_eq!(value.fields().count(), 3);
        assert_eq!(value.get("a").unwrap().elements().map(Raw::text).collect::<Vec<_>>(), ["1", "\"x\"", "{}"]);
        assert!(value.get("ab").unwrap().is_null());
        assert_eq!(value.get("s").unwrap().as_str().unwrap(), "t\n");
        assert!(value.get("b").is_none() && value.elements().next().is_none());
    }

    #[test]
    fn the_last_of_two_equal_fields_counts() {
        assert_eq!(raw(r#"{"a":1,"\u0061":2}"#).get("a").unwrap().text(), "2");
    }

    #[test]
    fn numbers() {
        assert_eq!(raw("4096.0").as_u64(), Some(4096));
        assert_eq!(raw("18446744073709551615").as_u64(), Some(u64::MAX));
        assert_eq!(raw("1.5").as_u64(), None);
        assert_eq!(raw("-1").as_u64(), None);
        assert_eq!(raw("1e400").as_f64(), Some(f64::INFINITY));
        assert_eq!(raw("\"1\"").as_f64(), None);
    }

    #[test]
    fn bytes_are_checked_to_be_text() {
        assert_eq!(Raw::from_bytes(b" [1] ").unwrap().text(), "[1]");
        assert_eq!(Raw::from_bytes(b"\"\xff\""), Err(Fault { kind: FaultKind::Syntax, at: 1 }));
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", raw("\"secret\"")), "Raw(String, 8)");
    }
}
