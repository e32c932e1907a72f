//! Claude's thinking that comes back: only what Anthropic signed, and exactly as it was.
//!
//! Clients keep it in one of three places: `reasoning_details`, as this library and OpenRouter send it; LiteLLM's
//! `thinking_blocks`; and agentgateway's `reasoning_signature` beside `reasoning_content`. The first one that holds
//! anything signed counts, and the others are copies of it. What is not signed, or signed by another provider, is never
//! handed on.

use crate::json::{Raw, Text};

/// The format of Claude's signatures in `reasoning_details`: what is written, and what is taken back.
pub(crate) const CLAUDE_FORMAT: &str = "anthropic-claude-v1";

/// The fields of an assistant message that may carry thinking.
#[derive(Clone, Copy, Default)]
pub(crate) struct Carriers<'a> {
    details: Option<Raw<'a>>,
    blocks: Option<Raw<'a>>,
    content: Option<Raw<'a>>,
    signature: Option<Raw<'a>>,
}

/// A block of thinking. A signed text may have come in pieces.
pub(crate) enum Block<'p, 'a> {
    Signed(&'p [Text<'a>], Text<'a>),
    Redacted(Text<'a>),
}

impl<'a> Carriers<'a> {
    /// Notes a field of an assistant message. Whether it is one that carries thinking.
    pub(crate) fn note(&mut self, name: &str, value: Raw<'a>) -> bool {
        let place = match name {
            "reasoning_details" => &mut self.details,
            "thinking_blocks" => &mut self.blocks,
            "reasoning_content" => &mut self.content,
            "reasoning_signature" => &mut self.signature,
            _ => return false,
        };
        *place = Some(value);
        true
    }

    /// The entries of `reasoning_details`, of whatever format.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Raw<'a>> + use<'a> {
        self.details.into_iter().flat_map(Raw::elements)
    }

    /// Hands on the blocks, in their order.
    pub(crate) fn each(&self, mut each: impl FnMut(Block<'_, 'a>)) {
        let mut any = false;
        let mut one = |block: Block<'_, 'a>| {
            any = true;
            each(block);
        };
        self.details(&mut one);
        if !any {
            self.blocks(&mut |block| {
                any = true;
                each(block);
            });
        }
        if !any
            && let Some(text) = self.content.and_then(Raw::as_text)
            && let Some(signature) = signed(self.signature)
        {
            each(Block::Signed(&[text], signature));
        }
    }

    /// `reasoning_details`. Clients that only append the deltas of a stream send one block back in many entries, of
    /// which the last one has the signature.
    fn details(&self, each: &mut impl FnMut(Block<'_, 'a>)) {
        let mut texts = Vec::new();
        let mut index = None;
        for entry in self.details.into_iter().flat_map(Raw::elements) {
            let entry = Detail::read(entry);
            let is_text = entry.kind.is_some_and(|kind| kind.eq_str("reasoning.text"));
            let is_encrypted = entry.kind.is_some_and(|kind| kind.eq_str("reasoning.encrypted"));
            // Where a signed text names no format, OpenRouter means this one.
            let is_ours = entry.format.map_or(is_text, |format| format.eq_str(CLAUDE_FORMAT));
            if !is_text || !is_ours || entry.index != index {
                texts.clear();
            }
            index = entry.index;
            if is_ours && is_text {
                texts.extend(entry.text);
                if let Some(signature) = entry.signature {
                    each(Block::Signed(&texts, signature));
                    texts.clear();
                }
            } else if is_ours
                && is_encrypted
                && let Some(data) = entry.data
            {
                each(Block::Redacted(data));
            }
        }
    }

    /// `thinking_blocks`: Anthropic's own blocks.
    fn blocks(&self, each: &mut impl FnMut(Block<'_, 'a>)) {
        for block in self.blocks.into_iter().flat_map(Raw::elements) {
            let field = |name: &str| block.get(name).and_then(Raw::as_text);
            match field("type").map(Text::to_str).as_deref() {
                Some("thinking") => {
                    if let (Some(text), Some(signature)) = (field("thinking"), signed(block.get("signature"))) {
                        each(Block::Signed(&[text], signature));
                    }
                }
                Some("redacted_thinking") => {
                    if let Some(data) = signed(block.get("data")) {
                        each(Block::Redacted(data));
                    }
                }
                _ => {}
            }
        }
    }
}

/// An entry of `reasoning_details`.
#[derive(Default)]
struct Detail<'a> {
    kind: Option<Text<'a>>,
    text: Option<Text<'a>>,
    signature: Option<Text<'a>>,
    data: Option<Text<'a>>,
    format: Option<Text<'a>>,
    index: Option<&'a str>,
}

impl<'a> Detail<'a> {
    fn read(entry: Raw<'a>) -> Self {
        let mut detail = Self::default();
        for (name, value) in entry.fields() {
            match &*name.to_str() {
                "type" => detail.kind = value.as_text(),
                "text" => detail.text = value.as_text(),
                "signature" => detail.signature = signed(Some(value)),
                "data" => detail.data = signed(Some(value)),
                "format" => detail.format = value.as_text(),
                "index" => detail.index = Some(value.text()),
                _ => {}
            }
        }
        detail
    }
}

fn signed(value: Option<Raw<'_>>) -> Option<Text<'_>> {
    value.and_then(Raw::as_text).filter(|text| !text.is_empty())
}
