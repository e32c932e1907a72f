//! What other providers have signed, and a server of OpenAI's protocol cannot use: it leaves the conversation.
//!
//! A client that moves a conversation from one provider to the next sends back all that it got: Claude's thinking with its
//! signature, Gemini's thought signatures. OpenAI refuses fields in messages that it does not know. Reasoning that nobody
//! signed may be the server's own, which some want back (DeepSeek, Kimi): it stays.

use memchr::memmem;

use crate::chat::{ChatRequest, Message, Role};
use crate::error::ApiError;
use crate::json::{Raw, Text};

/// The formats in `reasoning_details` of those who speak a protocol of their own.
const FOREIGN_FORMATS: [&str; 2] = ["anthropic-claude-v1", "google-gemini-v1"];

/// The messages without what others have signed; `None` if there is nothing of it.
///
/// # Errors
/// 400 if a message cannot be read.
pub(super) fn without(chat: &ChatRequest) -> Result<Option<String>, ApiError> {
    let Some(messages) = chat.get("messages").map(Raw::text).filter(|text| may_hold(text)) else { return Ok(None) };
    let mut out = String::with_capacity(messages.len());
    let mut changed = false;
    for (at, message) in chat.messages().enumerate() {
        out.push(if at == 0 { '[' } else { ',' });
        changed |= write_message(&message?, &mut out);
    }
    out.push(']');
    Ok(changed.then_some(out))
}

/// Whether a closer look is worth it: most requests have no turn of an assistant, and most turns nothing of the kind.
fn may_hold(messages: &str) -> bool {
    let holds = |word: &str| memmem::find(messages.as_bytes(), word.as_bytes()).is_some();
    let words = ["reasoning_details", "thinking_blocks", "reasoning_signature", "thought_signature"];
    holds("assistant") && words.into_iter().any(holds)
}

/// Writes a message; whether anything was left out.
fn write_message(message: &Message<'_>, out: &mut String) -> bool {
    let raw = message.raw();
    if !matches!(message.role(), Role::Assistant) {
        out.push_str(raw.text());
        return false;
    }
    let is_foreign = is_signed_by_others(raw);
    let mut changed = false;
    object(raw, out, |name, value, out| match name {
        "reasoning_details" | "reasoning_content" | "reasoning" if is_foreign => {
            changed = true;
            false
        }
        "thinking_blocks" | "reasoning_signature" => {
            changed = true;
            false
        }
        "tool_calls" => {
            array(value, out, |call, out| changed |= write_call(call, out));
            true
        }
        _ => {
            out.push_str(value.text());
            true
        }
    });
    changed
}

/// Writes a tool call without Google's `extra_content`.
fn write_call(call: Raw<'_>, out: &mut String) -> bool {
    let mut changed = false;
    object(call, out, |name, value, out| {
        let is_signature = name == "extra_content" && value.get("google").is_some();
        changed |= is_signature;
        if !is_signature {
            out.push_str(value.text());
        }
        !is_signature
    });
    changed
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
        without(&chat).unwrap()
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
}
