//! Finding the messages that have lost their reasoning, and giving it back.

use std::ops::Range;

use bytes::Bytes;

use super::key::{Keys, TurnKey, each_text};
use crate::chat::{ChatRequest, Message, Role};
use crate::json::{Kind, Raw};

/// The fields of an assistant message in which clients send reasoning back.
const CARRIERS: &[&str] =
    &["reasoning_details", "reasoning_content", "reasoning", "thinking_blocks", "reasoning_signature"];

/// The assistant messages of a request that carry no reasoning, and the keys under which it may be kept.
pub(super) struct Gaps(Vec<(usize, TurnKey)>);

impl Gaps {
    pub(super) fn find(chat: &ChatRequest, keys: &Keys) -> Self {
        let mut gaps = Vec::new();
        let mut before: Option<Message<'_>> = None;
        // What cannot be read is left to those who have to understand it.
        for message in chat.messages().flatten() {
            if matches!(message.role(), Role::Assistant)
                && !has_carrier(&message)
                && let Some(key) = key_of(&message, before.as_ref(), keys)
            {
                gaps.push((message.position(), key));
            }
            before = Some(message);
        }
        Self(gaps)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn keys(&self) -> Vec<TurnKey> {
        self.0.iter().map(|(_, key)| *key).collect()
    }

    /// The request with what was kept; none if nothing was. Only the messages concerned change, and only by what is added.
    pub(super) fn fill(&self, chat: &ChatRequest, kept: &[Option<Bytes>]) -> Option<ChatRequest> {
        let conversation = chat.get("messages")?;
        let mut edits = Vec::new();
        for ((at, _), kept) in self.0.iter().zip(kept) {
            let Some(kept) = kept.as_ref().and_then(|kept| Raw::from_bytes(kept).ok()) else { continue };
            let message = chat.messages().nth(*at)?.ok()?.raw();
            if let Some(details) = kept.get("reasoning_details").filter(|details| details.kind() == Kind::Array) {
                edits.push(set(conversation, message, "reasoning_details", details)?);
            }
            let Some(extras) = kept.get("extra_content") else { continue };
            for call in message.get("tool_calls").into_iter().flat_map(Raw::elements) {
                let extra = call.get("id").and_then(Raw::as_str).and_then(|id| extras.get(&id));
                if let Some(extra) = extra {
                    edits.push(set(conversation, call, "extra_content", extra)?);
                }
            }
        }
        if edits.is_empty() {
            return None;
        }
        let messages = apply(conversation.text(), edits)?;
        // Together they may be deeper than a request may be.
        ChatRequest::from_bytes(chat.patch().set("messages", messages).finish()).ok()
    }
}

fn has_carrier(message: &Message<'_>) -> bool {
    let calls = message.raw().get("tool_calls");
    CARRIERS.iter().any(|name| message.given(name).is_some_and(says_something))
        || calls.into_iter().flat_map(Raw::elements).any(|call| call.get("extra_content").is_some_and(says_something))
}

/// `""`, `[]`, `{}` and `null` are how SDKs write that there is nothing.
fn says_something(value: Raw<'_>) -> bool {
    match value.kind() {
        Kind::Null => false,
        Kind::String => value.as_text().is_some_and(|text| !text.is_empty()),
        Kind::Array => value.elements().next().is_some(),
        Kind::Object => value.fields().next().is_some(),
        _ => true,
    }
}

/// Whether Google's signature is in the `extra_content` of a call.
pub(super) fn is_signed_extra(extra: Raw<'_>) -> bool {
    extra.get("google").and_then(|google| google.get("thought_signature")).is_some_and(says_something)
}

fn key_of(message: &Message<'_>, before: Option<&Message<'_>>, keys: &Keys) -> Option<TurnKey> {
    let first = message.raw().get("tool_calls").and_then(|calls| calls.elements().next());
    if let Some(call) = first {
        return call.get("id").and_then(Raw::as_text).map(|id| keys.call(id));
    }
    let mut said = keys.said_after(before);
    each_text(message, |text| said.push(text));
    said.key()
}

/// An edit that gives an object a field: in the place of an empty one, or else as its last.
fn set(outer: Raw<'_>, object: Raw<'_>, name: &str, value: Raw<'_>) -> Option<(Range<usize>, String)> {
    if let Some(empty) = object.get(name) {
        let start = offset(outer, empty)?;
        return Some((start..start + empty.text().len(), value.text().to_owned()));
    }
    let (_, last) = object.fields().last()?;
    let end = offset(outer, last)? + last.text().len();
    Some((end..end, format!(r#","{name}":{}"#, value.text())))
}

/// Where a part of a value begins in it.
fn offset(outer: Raw<'_>, part: Raw<'_>) -> Option<usize> {
    (part.text().as_ptr() as usize).checked_sub(outer.text().as_ptr() as usize)
}

/// A text with edits that stand in their order and do not overlap.
fn apply(text: &str, edits: Vec<(Range<usize>, String)>) -> Option<String> {
    let mut out = String::with_capacity(text.len() + edits.iter().map(|(_, new)| new.len()).sum::<usize>());
    let mut at = 0;
    for (range, new) in edits {
        out.push_str(text.get(at..range.start)?);
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}
