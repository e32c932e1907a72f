//! Thought signatures that come back. Gemini wants each on the part that it came with.
//!
//! A call's signature is taken from its own `extra_content.google.thought_signature`, as Google's OpenAI endpoint and this
//! library send it; or from an entry of `reasoning_details` with the call's id, as OpenRouter sends it; or from behind the
//! call's id, as LiteLLM does. What another provider signed is never handed on.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::chat::ToolCall;
use crate::json::{Raw, Text};
use crate::translate::encode::{Carriers, SIGNATURE_SUFFIX};
use crate::translate::gemini::FORMAT;

/// What stands for the signature of a call that no Gemini made, in base64, as LiteLLM sends it. The word is
/// [Google's](https://ai.google.dev/gemini-api/docs/thought-signatures): `skip_thought_signature_validator`.
pub(super) const NONE: &str = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

/// The signatures in one assistant message.
#[derive(Default)]
pub(super) struct Signatures<'a> {
    of_calls: HashMap<Cow<'a, str>, Text<'a>>,
    of_texts: Vec<Text<'a>>,
}

impl<'a> Signatures<'a> {
    /// Reads `reasoning_details`.
    pub(super) fn read(carriers: &Carriers<'a>) -> Self {
        let mut signatures = Self::default();
        for entry in carriers.entries() {
            let field = |name: &str| entry.get(name).and_then(Raw::as_text).filter(|text| !text.is_empty());
            let is_ours = field("format").is_some_and(|format| format.eq_str(FORMAT));
            let is_encrypted = field("type").is_some_and(|kind| kind.eq_str("reasoning.encrypted"));
            let Some(data) = field("data").filter(|_| is_ours && is_encrypted) else { continue };
            match field("id") {
                Some(id) => {
                    signatures.of_calls.entry(id.to_str()).or_insert(data);
                }
                None => signatures.of_texts.push(data),
            }
        }
        signatures
    }

    /// Those that came with text.
    pub(super) fn of_texts(&self) -> &[Text<'a>] {
        &self.of_texts
    }

    /// That of a call, as it is written between quotes.
    pub(super) fn of_call(&self, call: &ToolCall<'a>) -> Option<Text<'a>> {
        let own = call.raw.get("extra_content").and_then(|extra| extra.get("google")?.get("thought_signature"));
        let own = own.and_then(Raw::as_text).filter(|text| !text.is_empty());
        own.or_else(|| self.in_details(call)).or_else(|| behind_id(call))
    }

    fn in_details(&self, call: &ToolCall<'a>) -> Option<Text<'a>> {
        if self.of_calls.is_empty() {
            return None;
        }
        self.of_calls.get(&call.id.to_str()).copied()
    }
}

/// `call_1__thought__SIGNATURE`. It is base64, so it needs no escapes.
fn behind_id<'a>(call: &ToolCall<'a>) -> Option<Text<'a>> {
    let (_, signature) = call.id.source()?.split_once(SIGNATURE_SUFFIX)?;
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    (!signature.is_empty() && signature.bytes().all(is_base64)).then(|| Text::plain(signature))
}
