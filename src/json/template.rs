//! Recognising a document that differs from an earlier one in a few known places only.

use std::fmt;
use std::ops::Range;

use super::prefix::string_prefix;
use super::text::Text;

/// The events of a stream are alike but for a word and a count or two: what is around them was checked with the event
/// before, and need not be read again.
#[derive(Clone, Default)]
pub(crate) struct Template {
    document: Vec<u8>,
    /// The places that may differ, in their order; empty where nothing has been learned.
    holes: Vec<Hole>,
}

/// A place where documents may differ.
#[derive(Clone)]
struct Hole {
    place: Place,
    range: Range<usize>,
}

/// What stands in such a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The inside of the string that matters.
    Text,
    /// The inside of a string that does not, such as padding.
    Padding,
    /// A whole number, by the name that the learner gives it.
    Number(u8),
}

/// What stands in a document that was recognised; numbers are handed on by themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) text: Text<'a>,
    pub(crate) padding: Text<'a>,
}

/// How many digits a number may have so that it fits for sure.
const MAX_DIGITS: usize = 19;

impl Template {
    /// Learns a document that is valid JSON, and the inside of the string in it that may differ next time.
    pub(crate) fn learn(&mut self, document: &[u8], text: &str) {
        self.learn_with(document, [(Place::Text, text)]);
    }

    /// Learns a document that is valid JSON, and what of it may differ next time: parts of this very document.
    pub(crate) fn learn_with<'a>(&mut self, document: &'a [u8], parts: impl IntoIterator<Item = (Place, &'a str)>) {
        self.document.clear();
        self.holes.clear();
        for (place, part) in parts {
            let start = (part.as_ptr() as usize).wrapping_sub(document.as_ptr() as usize);
            let range = start..start.saturating_add(part.len());
            if document.get(range.clone()).is_none() {
                return self.holes.clear();
            }
            self.holes.push(Hole { place, range });
        }
        self.holes.sort_by_key(|hole| hole.range.start);
        if self.holes.is_sorted_by(|one, next| one.range.end <= next.range.start) {
            self.document.extend_from_slice(document);
        } else {
            self.holes.clear();
        }
    }

    /// The inside of the string, if the document is the learned one but for that.
    pub(crate) fn recognise<'a>(&self, document: &'a [u8]) -> Option<Text<'a>> {
        self.recognise_with(document, |_, _| {}).map(|found| found.text)
    }

    /// The same where other places may differ, too. Each number is handed on with its name; what was handed on counts only
    /// if the document is recognised.
    pub(crate) fn recognise_with<'a>(&self, document: &'a [u8], mut number: impl FnMut(u8, u64)) -> Option<Found<'a>> {
        let (mut rest, mut from, mut text, mut padding) = (document, 0, None, Text::plain(""));
        for Hole { place, range } in &self.holes {
            rest = rest.strip_prefix(&self.document[from..range.start])?;
            from = range.end;
            let inside;
            if let Place::Number(name) = place {
                (inside, rest) = rest.split_at(rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
                number(*name, whole(inside)?);
                continue;
            }
            let (length, has_escapes) = string_prefix(rest)?;
            (inside, rest) = rest.split_at(length);
            let inside = std::str::from_utf8(inside).ok()?;
            let inside = if has_escapes { Text::escaped(inside) } else { Text::plain_json(inside) };
            if *place == Place::Text {
                text = Some(inside);
            } else {
                padding = inside;
            }
        }
        let text = text?;
        (rest == &self.document[from..]).then_some(Found { text, padding })
    }

    /// The learned document with something else in place of its text and its padding.
    pub(crate) fn with(&self, text: &str, padding: &str) -> Vec<u8> {
        let mut document = Vec::with_capacity(self.document.len() + text.len() + padding.len());
        let mut from = 0;
        for Hole { place, range } in &self.holes {
            document.extend_from_slice(&self.document[from..range.start]);
            document.extend_from_slice(match place {
                Place::Text => text.as_bytes(),
                Place::Padding => padding.as_bytes(),
                Place::Number(_) => &self.document[range.clone()],
            });
            from = range.end;
        }
        document.extend_from_slice(&self.document[from..]);
        document
    }
}

/// The number that these digits are, as JSON writes it.
fn whole(digits: &[u8]) -> Option<u64> {
    let is_plain = (1..=MAX_DIGITS).contains(&digits.len()) && (digits.len() == 1 || digits[0] != b'0');
    is_plain.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// The document is not printed: it is a piece of an answer.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("document", &self.document.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<'a>(document: &'a str, part: &str) -> &'a str {
        let at = document.find(part).unwrap();
        &document[at..at + part.len()]
    }

    fn learned(document: &str, hole: &str) -> Template {
        let mut template = Template::default();
        template.learn(document.as_bytes(), part(document, hole));
        template
    }

    #[test]
    fn only_the_string_may_differ() {
        let template = learned(r#"{"a":1,"b":"one","c":"x"}"#, "one");
        let recognise = |document: &str| template.recognise(document.as_bytes()).map(|text| text.to_str().into_owned());
        assert_eq!(recognise(r#"{"a":1,"b":"","c":"x"}"#).as_deref(), Some(""));
        assert_eq!(recognise(r#"{"a":1,"b":"zwölf","c":"x"}"#).as_deref(), Some("zwölf"));
        assert_eq!(recognise(r#"{"a":1,"b":"\"\u00fc\\","c":"x"}"#).as_deref(), Some("\"ü\\"));
        for other in [
            r#"{"a":2,"b":"one","c":"x"}"#,
            r#"{"a":1,"b":"one","c":"y"}"#,
            r#"{"a":1,"b":"one","b":"two","c":"x"}"#,
            r#"{"a":1,"b":"a\","c":"x"}"#,
            r#"{"a":1,"b":"a\x","c":"x"}"#,
            r#"{"a":1,"b":"a\u00g0","c":"x"}"#,
            r#"{"a":1,"b":"a\u00","c":"x"}"#,
            r#"{"a":1,"b":"\"#,
            r#"{"a":1,"b","c":"x"}"#,
            r#"{"a":1,"b":"one","c":"x"} "#,
            "",
        ] {
            assert_eq!(recognise(other), None, "{other}");
        }
        assert!(template.recognise(b"{\"a\":1,\"b\":\"\xff\",\"c\":\"x\"}").is_none());
        assert!(template.recognise(b"{\"a\":1,\"b\":\"\n\",\"c\":\"x\"}").is_none());
    }

    const SEVERAL: &str = r#"{"n":[10,7],"b":"one","p":"abc","m":5}"#;

    fn several() -> Template {
        let parts = [
            (Place::Padding, part(SEVERAL, "abc")),
            (Place::Number(1), part(SEVERAL, "5")),
            (Place::Number(0), part(SEVERAL, "10")),
            (Place::Text, part(SEVERAL, "one")),
        ];
        let mut template = Template::default();
        template.learn_with(SEVERAL.as_bytes(), parts);
        template
    }

    #[test]
    fn numbers_and_padding_may_differ_where_that_is_said() {
        let template = several();
        let recognise = |document: &str| {
            let mut numbers = Vec::new();
            let found = template.recognise_with(document.as_bytes(), |name, number| numbers.push((name, number)))?;
            Some((found.text.to_str().into_owned(), found.padding.to_str().into_owned(), numbers))
        };
        let expected = |text: &str, padding: &str, numbers| Some((text.to_owned(), padding.to_owned(), numbers));
        assert_eq!(recognise(SEVERAL), expected("one", "abc", vec![(0, 10), (1, 5)]));
        let other = r#"{"n":[0,7],"b":"two","p":"","m":1234567890123456789}"#;
        assert_eq!(recognise(other), expected("two", "", vec![(0, 0), (1, 1_234_567_890_123_456_789)]));
        for other in [
            r#"{"n":[10,8],"b":"one","p":"abc","m":5}"#,
            r#"{"n":[01,7],"b":"one","p":"abc","m":5}"#,
            r#"{"n":[,7],"b":"one","p":"abc","m":5}"#,
            r#"{"n":[-1,7],"b":"one","p":"abc","m":5}"#,
            r#"{"n":[1.5,7],"b":"one","p":"abc","m":5}"#,
            r#"{"n":[1e5,7],"b":"one","p":"abc","m":5}"#,
            r#"{"n":[99999999999999999999,7],"b":"one","p":"abc","m":5}"#,
            r#"{"n":[10,7],"b":"one","p":"a\xc","m":5}"#,
            r#"{"n":[10,7],"b":"one","p":"abc","m":5"#,
        ] {
            assert_eq!(recognise(other), None, "{other}");
        }
    }

    #[test]
    fn another_text_can_be_put_in_its_place() {
        assert_eq!(several().with("twelve", ""), br#"{"n":[10,7],"b":"twelve","p":"","m":5}"#);
    }

    #[test]
    fn nothing_is_recognised_before_something_was_learned() {
        assert!(Template::default().recognise(b"").is_none());
        assert!(Template::default().recognise(b"{}").is_none());
    }

    #[test]
    fn a_string_from_elsewhere_or_one_inside_another_is_not_learned() {
        let document = r#"{"a":"b"}"#;
        let mut template = learned(document, "b");
        template.learn(document.as_bytes(), "elsewhere");
        assert!(template.recognise(document.as_bytes()).is_none());
        template.learn_with(document.as_bytes(), [(Place::Text, &document[1..4]), (Place::Padding, &document[2..3])]);
        assert!(template.recognise(document.as_bytes()).is_none());
    }
}
