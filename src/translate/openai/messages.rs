//! What changes in the messages of a request, for servers that do not take all of OpenAI's.
//!
//! A client that moves a conversation from one provider to the next sends back all that it got: Claude's thinking with its
//! signature, Gemini's thought signatures. OpenAI refuses fields in messages that it does not know. Reasoning that nobody
//! signed may be the server's own, which some want back (DeepSeek, Kimi): it stays, but for those that refuse it.

use memchr::memmem;

use super::ToolIds;
use crate::chat::{ChatRequest, Message, Role};
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text, write_str};
use crate::translate::encode::SIGNATURE_SUFFIX;

/// The formats in `reasoning_details` of those who speak a protocol of their own.
const FOREIGN_FORMATS: [&str; 2] = ["anthropic-claude-v1", "google-gemini-v1"];

/// What is changed in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rewrite {
    /// What others have signed leaves.
    pub(super) foreign: bool,
    /// What nobody has signed leaves, too.
    pub(super) unsigned: bool,
    /// The role `developer` becomes `system`.
    pub(super) developer: bool,
    /// Fields that are `null` leave, `content` apart.
    pub(super) nulls: bool,
    /// `name` leaves, but for messages of the role `tool`.
    pub(super) names: bool,
    /// Messages of the assistant leave that say nothing and call nothing.
    pub(super) empty_turns: bool,
    /// What becomes of the ids of tool calls.
    pub(super) tool_ids: ToolIds,
}

impl Rewrite {
    /// Nothing but what no server of OpenAI's protocol can use.
    pub(super) const FOREIGN: Self = Self {
        foreign: true,
        unsigned: false,
        developer: false,
        nulls: false,
        names: false,
        empty_turns: false,
        tool_ids: ToolIds::Any,
    };

    /// The messages as they are to be sent; `None` if there is nothing to change.
    ///
    /// # Errors
    /// 400 if a message cannot be read.
    pub(super) fn apply(self, chat: &ChatRequest) -> Result<Option<String>, ApiError> {
        let Some(messages) = chat.get("messages").map(Raw::text).filter(|text| self.may_hold(chat, text)) else {
            return Ok(None);
        };
        let mut out = String::with_capacity(messages.len());
        let mut changed = false;
        out.push('[');
        for message in chat.messages() {
            let message = message?;
            if self.empty_turns && is_empty_turn(&message) {
                changed = true;
                continue;
            }
            if out.len() > 1 {
                out.push(',');
            }
            changed |= self.write_message(&message, &mut out);
        }
        out.push(']');
        Ok(changed.then_some(out))
    }

    /// Whether a closer look is worth it: most requests have no turn of an assistant, and most turns nothing of the kind.
    fn may_hold(self, chat: &ChatRequest, messages: &str) -> bool {
        let holds = |word: &str| memmem::find(messages.as_bytes(), word.as_bytes()).is_some();
        let signed = ["reasoning_details", "thinking_blocks", "reasoning_signature", "thought_signature"];
        self.foreign && chat.has_more() && holds("assistant") && signed.into_iter().any(holds)
            || self.unsigned && chat.has_more() && (holds("reasoning_content") || holds("\"reasoning\""))
            || self.empty_turns && holds("assistant")
            || self.developer && holds("developer")
            || self.nulls && holds("null")
            || self.names && holds("\"name\"")
            || self.foreign && chat.has_more() && holds(SIGNATURE_SUFFIX)
            || self.tool_ids != ToolIds::Any && chat.has_more() && holds("tool_call_id")
    }

    /// Writes a message; whether anything was changed.
    fn write_message(self, message: &Message<'_>, out: &mut String) -> bool {
        let raw = message.raw();
        let is_said = matches!(message.role(), Role::Assistant);
        let has_signed = self.foreign && is_said;
        let is_foreign = has_signed && (self.unsigned || is_signed_by_others(raw));
        let is_named = self.names && !matches!(message.role(), Role::Tool);
        let is_developer = self.developer && matches!(message.role(), Role::Developer);
        let has_ids = self.has_ids() && (is_said || matches!(message.role(), Role::Tool));
        if !(has_signed || self.nulls || is_named || is_developer || has_ids) {
            out.push_str(raw.text());
            return false;
        }
        let mut changed = false;
        object(raw, out, |name, value, out| {
            let is_unwanted = match name {
                "reasoning_details" | "reasoning_content" | "reasoning" => is_foreign,
                "thinking_blocks" | "reasoning_signature" => has_signed,
                "name" => is_named,
                _ => false,
            };
            let leaves = is_unwanted || self.nulls && value.is_null() && name != "content";
            changed |= leaves;
            match name {
                _ if leaves => {}
                "role" if is_developer => {
                    changed = true;
                    out.push_str("\"system\"");
                }
                "tool_calls" if has_signed || has_ids => {
                    array(value, out, |call, out| changed |= self.write_call(call, out));
                }
                "tool_call_id" if has_ids => changed |= self.write_id(value, out),
                _ => out.push_str(value.text()),
            }
            !leaves
        });
        changed
    }

    fn has_ids(self) -> bool {
        self.foreign || self.tool_ids != ToolIds::Any
    }

    /// Writes a tool call: without Google's `extra_content`, and with an id that the server takes.
    fn write_call(self, call: Raw<'_>, out: &mut String) -> bool {
        if call.kind() != Kind::Object {
            out.push_str(call.text());
            return false;
        }
        let mut changed = false;
        object(call, out, |name, value, out| {
            let is_signature = self.foreign && name == "extra_content" && value.get("google").is_some();
            changed |= is_signature;
            match name {
                _ if is_signature => {}
                "id" if self.has_ids() => changed |= self.write_id(value, out),
                _ => out.push_str(value.text()),
            }
            !is_signature
        });
        changed
    }

    fn write_id(self, id: Raw<'_>, out: &mut String) -> bool {
        let given = id.as_str().unwrap_or_default();
        let sent = self.tool_ids.of(&given);
        if sent == given {
            out.push_str(id.text());
            return false;
        }
        let mut quoted = Vec::new();
        write_str(&mut quoted, &sent);
        out.push_str(&String::from_utf8_lossy(&quoted));
        true
    }
}

/// Whether the assistant says nothing and calls nothing.
fn is_empty_turn(message: &Message<'_>) -> bool {
    let has_text = message.content().is_some_and(|content| match content.kind() {
        Kind::String => content.as_text().is_some_and(|text| !text.is_empty()),
        _ => content.elements().next().is_some(),
    });
    matches!(message.role(), Role::Assistant) && !has_text && message.tool_calls().next().is_none()
}

fn is_signed_by_others(message: Raw<'_>) -> bool {
    let details = message.get("reasoning_details").into_iter().flat_map(Raw::elements);
    let mut formats = details.filter_map(|detail| detail.get("format").and_then(Raw::as_text));
    formats.any(|format| FOREIGN_FORMATS.iter().any(|foreign| format.eq_str(foreign)))
        || message.get("thinking_blocks").is_some()
        || message.get("reasoning_signature").is_some()
}

/// Writes an object field by field. `value` writes the value of a field, or says that the field is left out.
fn object(object: Raw<'_>, out: &mut String, mut value: impl FnMut(&str, Raw<'_>, &mut String) -> bool) {
    out.push('{');
    let mut any = false;
    for (name, field) in object.fields() {
        let before = out.len();
        if any {
            out.push(',');
        }
        write_key(name, out);
        if value(&name.to_str(), field, out) {
            any = true;
        } else {
            out.truncate(before);
        }
    }
    out.push('}');
}

fn array(array: Raw<'_>, out: &mut String, mut element: impl FnMut(Raw<'_>, &mut String)) {
    out.push('[');
    for (at, value) in array.elements().enumerate() {
        if at > 0 {
            out.push(',');
        }
        element(value, out);
    }
    out.push(']');
}

fn write_key(name: Text<'_>, out: &mut String) {
    let mut key = Vec::new();
    name.write_quoted(&mut key);
    out.push_str(&String::from_utf8_lossy(&key));
    out.push(':');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(messages: &str) -> Option<String> {
        let chat = ChatRequest::from_bytes(format!(r#"{{"model":"m","messages":{messages}}}"#)).unwrap();
        Rewrite::FOREIGN.apply(&chat).unwrap()
    }

    #[test]
    fn what_others_signed_leaves_and_everything_else_stays_as_it_is() {
        let user = r#"{ "role":"user", "content":"thought_signature \u0041" }"#;
        let claude = r#"{"role":"assistant","content":"a","reasoning_content":"t","reasoning_details":[{"type":"reasoning.text","text":"t","signature":"s","format":"anthropic-claude-v1","index":0}],"x":1e400}"#;
        let gemini = r#"{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]}"#;
        let litellm =
            r#"{"role":"assistant","content":"a","thinking_blocks":[{"type":"thinking"}],"reasoning_content":"t"}"#;
        let expected = [
            user,
            r#"{"role":"assistant","content":"a","x":1e400}"#,
            r#"{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"role":"assistant","content":"a"}"#,
        ];
        let messages = format!("[{}]", [user, claude, gemini, litellm].join(" , "));
        assert_eq!(cleaned(&messages), Some(format!("[{}]", expected.join(","))));
    }

    #[test]
    fn ids_become_those_that_the_server_takes_in_calls_and_in_results() {
        let messages = |first: &str, second: &str| {
            let call =
                |id: &str| format!(r#"{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}"#);
            format!(
                r#"[{{"role":"assistant","tool_calls":[{},{}]}},{{"role":"tool","tool_call_id":"{second}","content":"b"}},{{"role":"tool","tool_call_id":"{first}","content":"a"}}]"#,
                call(first),
                call(second)
            )
        };
        assert_eq!(cleaned(&messages("call_1__thought__Zm9v", "call_2")), Some(messages("call_1", "call_2")));
        let long = "chatcmpl-tool-0123456789abcdef0123456789abcdef";
        assert_eq!(cleaned(&messages(long, "call_2")), None);
        let short = Rewrite { tool_ids: ToolIds::Short, ..Rewrite::FOREIGN };
        let chat =
            |messages: String| ChatRequest::from_bytes(format!(r#"{{"model":"m","messages":{messages}}}"#)).unwrap();
        let expected = messages(&ToolIds::Short.of(long), "call_2");
        assert_eq!(short.apply(&chat(messages(long, "call_2"))).unwrap(), Some(expected.clone()));
        assert_eq!(short.apply(&chat(expected)).unwrap(), None);
    }

    #[test]
    fn what_nobody_else_signed_is_not_touched() {
        for messages in [
            r#"[{"role":"user","content":"x"}]"#,
            r#"[{"role":"assistant","content":"a","reasoning_content":"t"}]"#,
            r#"[{"role":"assistant","content":"a","reasoning_details":[{"type":"reasoning.text","format":"unknown"}]}]"#,
            r#"[{"role":"user","content":"thinking_blocks"}]"#,
        ] {
            assert_eq!(cleaned(messages), None, "{messages}");
        }
    }

    #[test]
    fn what_some_servers_refuse_is_changed() {
        let all = Rewrite { developer: true, nulls: true, names: true, empty_turns: true, ..Rewrite::FOREIGN };
        let messages = r#"[{"role":"developer","content":"d","name":"n"},{"role":"assistant","content":"","tool_calls":null},
            {"role":"assistant","content":null,"function_call":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":""}}]},
            {"role":"tool","name":"f","tool_call_id":"c","content":"x"}]"#;
        let expected = [
            r#"{"role":"system","content":"d"}"#,
            r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":""}}]}"#,
            r#"{"role":"tool","name":"f","tool_call_id":"c","content":"x"}"#,
        ];
        let chat = ChatRequest::from_bytes(format!(r#"{{"model":"m","messages":{messages}}}"#)).unwrap();
        assert_eq!(all.apply(&chat).unwrap(), Some(format!("[{}]", expected.join(","))));
        assert_eq!(Rewrite::FOREIGN.apply(&chat).unwrap(), None);
    }

    #[test]
    fn what_nobody_signed_leaves_where_the_server_refuses_it() {
        let none = Rewrite { unsigned: true, ..Rewrite::FOREIGN };
        for carrier in
            [r#""reasoning_content":"t""#, r#""reasoning":"t""#, r#""reasoning_details":[{"format":"unknown"}]"#]
        {
            let said =
                |more: &str| format!(r#"[{{"role":"user","content":"x"}},{{"role":"assistant","content":"a"{more}}}]"#);
            let body = format!(r#"{{"model":"m","messages":{}}}"#, said(&format!(",{carrier}")));
            let chat = ChatRequest::from_bytes(body).unwrap();
            assert_eq!(none.apply(&chat).unwrap(), Some(said("")), "{carrier}");
            assert_eq!(Rewrite::FOREIGN.apply(&chat).unwrap(), None);
        }
    }
}
