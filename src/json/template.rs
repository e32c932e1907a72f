//! Recognising a document that differs from an earlier one in one string only.

use std::fmt;
use std::ops::Range;

use super::scan::plain_prefix;
use super::text::Text;

/// The events of a stream are alike but for a word: what is around it was checked with the event before, and need not
/// be read again.
#[derive(Default)]
pub(crate) struct Template {
    document: Vec<u8>,
    /// The inside of the one string that may differ; empty at 0 where nothing has been learned.
    hole: Range<usize>,
}

impl Template {
    /// Learns a document that is valid JSON, and the inside of the string in it that may differ next time.
    pub(crate) fn learn(&mut self, document: &[u8], hole: &str) {
        let start = (hole.as_ptr() as usize).wrapping_sub(document.as_ptr() as usize);
        let hole = start..start.saturating_add(hole.len());
        if document.get(hole.clone()).is_some() {
            self.document.clear();
            self.document.extend_from_slice(document);
            self.hole = hole;
        }
    }

    /// The inside of the string, if the document is the learned one but for that, and the string has no escapes.
    pub(crate) fn recognise<'a>(&self, document: &'a [u8]) -> Option<Text<'a>> {
        let (before, after) = (&self.document[..self.hole.start], &self.document[self.hole.end..]);
        let inside = document.strip_prefix(before)?.strip_suffix(after)?;
        if before.is_empty() || plain_prefix(inside) < inside.len() {
            return None;
        }
        std::str::from_utf8(inside).ok().map(Text::plain_json)
    }
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

    fn learned(document: &str, hole: &str) -> Template {
        let at = document.find(hole).unwrap();
        let mut template = Template::default();
        template.learn(document.as_bytes(), &document[at..at + hole.len()]);
        template
    }

    #[test]
    fn only_the_string_may_differ() {
        let template = learned(r#"{"a":1,"b":"one","c":"x"}"#, "one");
        let recognise = |document: &str| template.recognise(document.as_bytes()).map(|text| text.to_str().into_owned());
        assert_eq!(recognise(r#"{"a":1,"b":"","c":"x"}"#).as_deref(), Some(""));
        assert_eq!(recognise(r#"{"a":1,"b":"zwölf","c":"x"}"#).as_deref(), Some("zwölf"));
        for other in [
            r#"{"a":2,"b":"one","c":"x"}"#,
            r#"{"a":1,"b":"one","c":"y"}"#,
            r#"{"a":1,"b":"one","b":"two","c":"x"}"#,
            r#"{"a":1,"b":"a\n","c":"x"}"#,
            r#"{"a":1,"b":"a\","c":"x"}"#,
            r#"{"a":1,"b","c":"x"}"#,
            "",
        ] {
            assert_eq!(recognise(other), None, "{other}");
        }
        assert!(template.recognise(b"{\"a\":1,\"b\":\"\xff\",\"c\":\"x\"}").is_none());
        assert!(template.recognise(b"{\"a\":1,\"b\":\"\n\",\"c\":\"x\"}").is_none());
    }

    #[test]
    fn nothing_is_recognised_before_something_was_learned() {
        assert!(Template::default().recognise(b"").is_none());
        assert!(Template::default().recognise(b"{}").is_none());
    }

    #[test]
    fn a_string_from_elsewhere_is_not_learned() {
        let mut template = Template::default();
        template.learn(br#"{"a":"b"}"#, "elsewhere");
        assert!(template.recognise(br#"{"a":"b"}"#).is_none());
    }
}
