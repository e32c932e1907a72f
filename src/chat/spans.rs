//! Where the messages lie, found by the pass that checks them.

use std::ops::Range;

use super::documented::{STRING, STRING_OR_ARRAY};
use super::index::duplicate;
use crate::error::ApiError;
use crate::json::{Escapes, Fault, Kind, Raw, Scanner, Text};

/// A piece of the body. Bodies are far below 4 GiB, so half the size of a range.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) fn new(range: Range<usize>) -> Self {
        Self { start: range.start as u32, end: range.end as u32 }
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(super) fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// A message, its role and its content.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MessageSpans {
    whole: Span,
    role: Option<StringSpan>,
    content: Content,
    /// Whether it has another field than `role`, `content` and `name`.
    pub(super) has_more: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Content {
    #[default]
    None,
    String(StringSpan),
    Array(Span),
}

/// A string with its quotes.
#[derive(Clone, Copy, Debug)]
struct StringSpan {
    span: Span,
    escapes: Escapes,
}

impl StringSpan {
    fn text(self, body: &str) -> Text<'_> {
        let span = self.span.range();
        Text::in_json(&body[span.start + 1..span.end - 1], self.escapes)
    }
}

impl MessageSpans {
    pub(super) fn whole(self, body: &str) -> Raw<'_> {
        Raw::checked(&body[self.whole.range()])
    }

    pub(super) fn role(self, body: &str) -> Option<Text<'_>> {
        self.role.map(|role| role.text(body))
    }

    /// The content, and its text if it is a string. `null` is none.
    pub(super) fn content(self, body: &str) -> Option<(Raw<'_>, Option<Text<'_>>)> {
        let raw = |span: Span| Raw::checked(&body[span.range()]);
        match self.content {
            Content::None => None,
            Content::String(string) => Some((raw(string.span), Some(string.text(body)))),
            Content::Array(span) => Some((raw(span), None)),
        }
    }
}

/// Where the messages are, and what is in any of them.
#[derive(Default)]
pub(super) struct Messages {
    pub(super) spans: Vec<MessageSpans>,
    pub(super) has_parts: bool,
    pub(super) has_more: bool,
}

type Checked = Result<(), ApiError>;

impl Messages {
    /// Reads the array that is next. The outer error says that it is not JSON; the inner one that it is not a conversation,
    /// which is only worth saying once the whole body has turned out to be JSON.
    pub(super) fn read(&mut self, body: &str, scanner: &mut Scanner<'_>) -> Result<Checked, Fault> {
        let mut checked = Ok(());
        scanner.array(|scanner| {
            let start = scanner.at();
            let at = self.spans.len();
            let mut message = MessageSpans::default();
            match scanner.kind()? {
                // Of a million messages that are none, only the first is worth an error.
                _ if checked.is_err() => scanner.skip()?,
                Kind::Object => checked = message.read(at, body, scanner)?,
                other => {
                    scanner.skip()?;
                    checked = Err(ApiError::invalid_type(format!("messages[{at}]"), "an object", other));
                }
            }
            message.whole = Span::new(start..scanner.at());
            self.has_parts |= matches!(message.content, Content::Array(_));
            self.has_more |= message.has_more;
            self.spans.push(message);
            Ok::<(), Fault>(())
        })?;
        Ok(checked)
    }
}

impl MessageSpans {
    /// Reads the object that is next.
    fn read(&mut self, at: usize, body: &str, scanner: &mut Scanner<'_>) -> Result<Checked, Fault> {
        let mut checked = Ok(());
        let mut seen = [false; 2];
        scanner.object(|scanner, key| {
            let (kind, start) = (scanner.kind()?, scanner.at());
            let (slot, name, shape) = match &*scanner.last_string(&body[key]).to_str() {
                "role" => (0, "role", STRING),
                "content" => (1, "content", STRING_OR_ARRAY),
                name => {
                    self.has_more |= name != "name";
                    return scanner.skip();
                }
            };
            let path = || format!("messages[{at}].{name}");
            let is_second = std::mem::replace(&mut seen[slot], true);
            if checked.is_ok() && is_second {
                checked = Err(duplicate(path()));
            } else if checked.is_ok() && !shape.kinds.contains(&kind) && (slot == 0 || kind != Kind::Null) {
                checked = Err(ApiError::invalid_type(path(), shape.text, kind));
            }
            scanner.skip()?;
            let span = Span::new(start..scanner.at());
            let string = StringSpan { span, escapes: scanner.escapes() };
            match (slot, kind) {
                (0, Kind::String) => self.role = Some(string),
                (1, Kind::String) => self.content = Content::String(string),
                (1, Kind::Array) => self.content = Content::Array(span),
                _ => {}
            }
            Ok(())
        })?;
        if checked.is_ok() && !seen[0] {
            checked = Err(ApiError::missing_parameter(format!("messages[{at}].role")));
        }
        Ok(checked)
    }
}

#[cfg(test)]
mod tests {
    use crate::chat::ChatRequest;

    fn param(message: &str) -> Option<String> {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user"}},{message}]}}"#);
        let chat = ChatRequest::from_bytes(body).map_err(|error| error.param().unwrap_or_default().to_owned());
        let read = chat.and_then(|chat| {
            chat.messages().try_for_each(|message| message.map(drop)).map_err(|error| error.param().unwrap().to_owned())
        });
        read.err()
    }

    #[test]
    fn what_a_message_must_be() {
        for fine in [
            r#"{"role":"x","content":null}"#,
            r#"{"role":"x","content":[1]}"#,
            r#"{"content":"","role":""}"#,
            r#"{"role":"x","name":1,"tool_calls":null}"#,
            r#"{"role":"x","tool_calls":[]}"#,
        ] {
            assert_eq!(param(fine), None, "{fine}");
        }
        for (wrong, place) in [
            ("1", "messages[1]"),
            (r#"{"content":"x"}"#, "messages[1].role"),
            (r#"{"role":null}"#, "messages[1].role"),
            (r#"{"role":["x"]}"#, "messages[1].role"),
            (r#"{"role":"x","content":1}"#, "messages[1].content"),
            (r#"{"role":"x","content":{}}"#, "messages[1].content"),
            (r#"{"role":"x","content":"a","content":null}"#, "messages[1].content"),
            (r#"{"role":"x","tool_calls":{}}"#, "messages[1].tool_calls"),
            (r#"1,{"role":1}"#, "messages[1]"),
        ] {
            assert_eq!(param(wrong).as_deref(), Some(place), "{wrong}");
        }
    }

    #[test]
    fn a_message_is_read_from_where_it_lies() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"a\u00e9\n","name":"n"},
            {"r\u006fle":"assistant","content":[{"type":"text","text":"b"},{"type":"text","text":"c"}],"refusal":"no"}]}"#;
        let chat = ChatRequest::from_bytes(body).unwrap();
        let messages: Vec<_> = chat.messages().map(Result::unwrap).collect();
        assert_eq!(messages[0].content().unwrap().text(), r#""a\u00e9\n""#);
        assert_eq!(messages[0].string().unwrap().to_str(), "aé\n");
        assert_eq!(messages[0].text().unwrap().unwrap(), "aé\n");
        assert_eq!(messages[0].given("name").unwrap().text(), r#""n""#);
        assert_eq!((messages[0].position(), messages[1].position()), (0, 1));
        assert_eq!(messages[1].text().unwrap().unwrap(), "bc");
        assert!(messages[1].string().is_none() && messages[0].more().next().is_none());
        assert!(messages[1].more().any(|(name, value)| name.eq_str("refusal") && value.text() == r#""no""#));
    }
}
