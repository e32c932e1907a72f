//! What an OpenAI-shaped answer says that others need to know, found in one pass that also checks that it is JSON.

use super::sink::Seen;
use crate::json::{Fault, FaultKind, Kind, Raw, Scanner, Text, utf8};
use crate::usage::Usage;

/// The facts of one `chat.completion` or one `chat.completion.chunk`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts<'a> {
    /// The error object of an answer that is an error.
    pub(crate) error: Option<Raw<'a>>,
    /// The provider's name of the model.
    pub(crate) model: Option<Text<'a>>,
    /// How many choices there are; `None` without the field.
    pub(crate) choices: Option<usize>,
    /// The last finish reason that is set. Some servers send `""` for none.
    pub(crate) finish: Option<Text<'a>>,
    /// The choices that are there, one bit for each index.
    pub(crate) present: u128,
    /// The choices that have a finish reason, one bit for each index.
    pub(crate) finished: u128,
    /// The tokens, wherever the server put them.
    pub(crate) usage: Option<Usage>,
    /// How many bytes of text, reasoning and tool arguments there are.
    pub(crate) text_bytes: usize,
    /// The last string that was counted.
    pub(crate) text: Option<Text<'a>>,
    /// What OpenAI fills chunks up with, so that their lengths tell nothing of the text.
    pub(crate) padding: Option<Text<'a>>,
}

impl<'a> Facts<'a> {
    /// Reads an answer.
    ///
    /// # Errors
    /// The fault if it is not a JSON object.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let text = utf8(bytes)?;
        let mut facts = Facts::default();
        let mut scanner = Scanner::new(text);
        scanner.space();
        if scanner.kind()? != Kind::Object {
            return Err(Fault { kind: FaultKind::Syntax, at: scanner.at() });
        }
        scanner.object(|scanner, key| match &text[key] {
            "choices" if scanner.kind()? == Kind::Array => facts.choices(text, scanner),
            // Groq puts a stream's usage here.
            "x_groq" if scanner.kind()? == Kind::Object => scanner.object(|scanner, key| match &text[key] {
                "usage" => facts.usage(text, scanner),
                key => {
                    let value = value(text, scanner)?;
                    facts.note_error(key, value);
                    Ok(())
                }
            }),
            "usage" => facts.usage(text, scanner),
            key => {
                let value = value(text, scanner)?;
                match key {
                    "model" => facts.model = value.as_text(),
                    "obfuscation" => facts.padding = value.as_text(),
                    // vLLM's errors have no object of their own.
                    "object" if value.text() == r#""error""# => facts.error = Some(Raw::checked(text)),
                    key => facts.note_error(key, value),
                }
                Ok(())
            }
        })?;
        scanner.end().map(|()| facts)
    }

    /// Hands on what the layers outside want to know.
    pub(crate) fn tell(&self, mut see: impl FnMut(Seen<'_>)) {
        if let Some(model) = self.model {
            see(Seen::Model(model));
        }
        if self.text_bytes > 0 {
            see(Seen::Text(self.text_bytes));
        }
        if let Some(reason) = self.finish {
            see(Seen::Finish(reason));
        }
        if let Some(usage) = self.usage {
            see(Seen::Usage(usage));
        }
    }

    /// Whether it is nothing but the next piece of text, as most events of a stream are.
    pub(crate) fn only_text(&self) -> Option<Text<'a>> {
        let plain = self.error.is_none() && self.usage.is_none() && self.finish.is_none();
        self.text.filter(|text| plain && text.len() == self.text_bytes)
    }

    fn note_error(&mut self, key: &str, value: Raw<'a>) {
        if key == "error" && !value.is_null() && value.text() != "false" {
            self.error = Some(value);
        }
    }

    fn usage(&mut self, text: &'a str, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        if scanner.kind()? != Kind::Object {
            return scanner.skip();
        }
        self.usage = Usage::scan_openai(text, scanner)?.or(self.usage);
        Ok(())
    }

    fn choices(&mut self, text: &'a str, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        let mut choices = 0;
        scanner.array(|scanner| {
            choices += 1;
            if scanner.kind()? != Kind::Object {
                return scanner.skip();
            }
            let (mut index, mut finish) = (0, None);
            scanner.object(|scanner, key| match &text[key] {
                "delta" | "message" if scanner.kind()? == Kind::Object => self.message(text, scanner),
                // Moonshot puts a stream's usage here.
                "usage" => self.usage(text, scanner),
                key => {
                    let value = value(text, scanner)?;
                    match key {
                        "index" => index = value.as_u64().unwrap_or(0),
                        "finish_reason" => finish = value.as_text().filter(|reason| !reason.is_empty()),
                        _ => {}
                    }
                    Ok(())
                }
            })?;
            // `n` is at most 128.
            let bit = u32::try_from(index).ok().and_then(|index| 1_u128.checked_shl(index)).unwrap_or(0);
            self.present |= bit;
            self.finished |= if finish.is_some() { bit } else { 0 };
            self.finish = finish.or(self.finish);
            Ok(())
        })?;
        self.choices = Some(choices);
        Ok(())
    }

    fn message(&mut self, text: &'a str, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        scanner.object(|scanner, key| match &text[key] {
            "content" | "refusal" | "reasoning_content" | "reasoning" => self.count(text, scanner),
            "tool_calls" if scanner.kind()? == Kind::Array => scanner.array(|scanner| {
                if scanner.kind()? != Kind::Object {
                    return scanner.skip();
                }
                scanner.object(|scanner, key| match &text[key] {
                    "function" | "custom" if scanner.kind()? == Kind::Object => {
                        scanner.object(|scanner, _| self.count(text, scanner))
                    }
                    _ => scanner.skip(),
                })
            }),
            _ => scanner.skip(),
        })
    }

    fn count(&mut self, text: &'a str, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        if let Some(counted) = value(text, scanner)?.as_text().filter(|counted| !counted.is_empty()) {
            self.text_bytes += counted.len();
            self.text = Some(counted);
        }
        Ok(())
    }
}

fn value<'a>(text: &'a str, scanner: &mut Scanner<'a>) -> Result<Raw<'a>, Fault> {
    scanner.value().map(|span| Raw::checked(&text[span]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_finds_everything() {
        let chunk = r#"{"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"a\u00e9\n","reasoning":"b",
            "tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":null,
            "x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2}}}"#;
        let facts = Facts::read(chunk.as_bytes()).unwrap();
        assert_eq!(facts.model.unwrap().to_str(), "m");
        assert_eq!(facts.finish.unwrap().to_str(), "stop");
        assert_eq!((facts.choices, facts.text_bytes), (Some(1), 4 + 1 + 1 + 2));
        assert_eq!(facts.usage.unwrap().total_tokens(), 3);
        assert!(facts.error.is_none());
    }

    #[test]
    fn errors_are_found_in_every_place() {
        let error = |text: &'static str| Facts::read(text.as_bytes()).unwrap().error.map(Raw::text);
        assert_eq!(error(r#"{"error":{"code":1}}"#), Some(r#"{"code":1}"#));
        assert_eq!(error(r#"{"x_groq":{"error":"busy"}}"#), Some(r#""busy""#));
        assert_eq!(error(r#"{"object":"error","code":400}"#), Some(r#"{"object":"error","code":400}"#));
        assert_eq!(error(r#"{"error":null,"object":"chat.completion"}"#), None);
    }

    #[test]
    fn an_empty_finish_reason_is_none() {
        let facts = Facts::read(br#"{"choices":[{"finish_reason":""},{"finish_reason":null}]}"#).unwrap();
        assert!(facts.finish.is_none());
        assert_eq!((facts.choices, facts.present, facts.finished), (Some(2), 1, 0));
    }

    #[test]
    fn each_choice_finishes_by_itself() {
        let chunk = br#"{"choices":[{"finish_reason":"stop","index":2},{"index":127},{"index":128},{"index":-1}]}"#;
        let facts = Facts::read(chunk).unwrap();
        assert_eq!((facts.present, facts.finished), (1 << 127 | 1 << 2 | 1, 1 << 2));
    }

    #[test]
    fn usage_inside_the_choice() {
        let facts = Facts::read(br#"{"choices":[{"usage":{"prompt_tokens":4,"completion_tokens":1}}]}"#).unwrap();
        assert_eq!(facts.usage.unwrap().prompt_tokens(), 4);
    }

    #[test]
    fn what_is_no_object_is_a_fault() {
        for text in ["", "[]", "\"x\"", "{", "{} {}", "<html>", "{\"choices\":[{\"delta\":{\"content\":\"\\ud8\"}}]}"] {
            assert!(Facts::read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Facts::read(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn odd_shapes_are_no_fault() {
        for text in [
            r#"{"choices":null,"usage":7,"error":null,"model":1}"#,
            r#"{"choices":[1,{"delta":null,"message":"x"},{"delta":{"tool_calls":[2,{"function":3}]}}]}"#,
        ] {
            assert!(Facts::read(text.as_bytes()).is_ok(), "{text}");
        }
    }
}
