//! What an OpenAI-shaped answer says that others need to know, found in one pass that also checks that it is JSON.

use std::ops::Range;

use crate::json::{Fault, FaultKind, Kind, Raw, Scanner, Text};
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
    /// The tokens, wherever the server put them.
    pub(crate) usage: Option<Usage>,
    /// How many bytes of text, reasoning and tool arguments there are.
    pub(crate) text_bytes: usize,
}

impl<'a> Facts<'a> {
    /// Reads an answer.
    ///
    /// # Errors
    /// The fault if it is not a JSON object.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| Fault { kind: FaultKind::Syntax, at: error.valid_up_to() })?;
        let mut facts = Facts::default();
        let mut scanner = Scanner::new(text);
        scanner.space();
        if scanner.kind()? != Kind::Object {
            return Err(Fault { kind: FaultKind::Syntax, at: scanner.at() });
        }
        scanner.object(|scanner, key| match &text[key] {
            "choices" if scanner.kind()? == Kind::Array => facts.choices(text, scanner),
            "error" => Ok(facts.error = some(text, scanner.value()?)),
            "model" => Ok(facts.model = Raw::checked(&text[scanner.value()?]).as_text()),
            "usage" => Ok(facts.usage(text, scanner.value()?)),
            // Groq puts a stream's usage here.
            "x_groq" if scanner.kind()? == Kind::Object => scanner.object(|scanner, key| {
                let value = scanner.value()?;
                Ok(if &text[key] == "usage" {
                    facts.usage(text, value)
                })
            }),
            _ => scanner.value().map(drop),
        })?;
        scanner.end().map(|()| facts)
    }

    fn usage(&mut self, text: &'a str, value: Range<usize>) {
        self.usage = Usage::from_openai(Raw::checked(&text[value])).or(self.usage);
    }

    fn choices(&mut self, text: &'a str, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        let mut choices = 0;
        scanner.array(|scanner| {
            choices += 1;
            if scanner.kind()? != Kind::Object {
                return scanner.value().map(drop);
            }
            scanner.object(|scanner, key| match &text[key] {
                "delta" | "message" if scanner.kind()? == Kind::Object => self.message(text, scanner),
                "finish_reason" => {
                    let reason = Raw::checked(&text[scanner.value()?]).as_text();
                    self.finish = reason.filter(|reason| !reason.is_empty()).or(self.finish);
                    Ok(())
                }
                // Moonshot puts a stream's usage here.
                "usage" => Ok(self.usage(text, scanner.value()?)),
                _ => scanner.value().map(drop),
            })
        })?;
        self.choices = Some(choices);
        Ok(())
    }

    fn message(&mut self, text: &'a str, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        scanner.object(|scanner, key| match &text[key] {
            "content" | "refusal" | "reasoning_content" | "reasoning" => self.count(text, scanner),
            "tool_calls" if scanner.kind()? == Kind::Array => scanner.array(|scanner| {
                if scanner.kind()? != Kind::Object {
                    return scanner.value().map(drop);
                }
                scanner.object(|scanner, key| match &text[key] {
                    "function" | "custom" if scanner.kind()? == Kind::Object => {
                        scanner.object(|scanner, _| self.count(text, scanner))
                    }
                    _ => scanner.value().map(drop),
                })
            }),
            _ => scanner.value().map(drop),
        })
    }

    fn count(&mut self, text: &'a str, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        let value = Raw::checked(&text[scanner.value()?]);
        self.text_bytes += value.as_text().map_or(0, Text::len);
        Ok(())
    }
}

fn some(text: &str, value: Range<usize>) -> Option<Raw<'_>> {
    Some(Raw::checked(&text[value])).filter(|value| !value.is_null() && value.text() != "false")
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
    fn an_empty_finish_reason_is_none() {
        let facts = Facts::read(br#"{"choices":[{"finish_reason":""},{"finish_reason":null}]}"#).unwrap();
        assert!(facts.finish.is_none());
        assert_eq!(facts.choices, Some(2));
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
