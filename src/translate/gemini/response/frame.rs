//! One `GenerateContentResponse`: an event of a stream, or a whole answer.

use crate::json::{Kind, Raw, Text};
use crate::translate::decode::Unreadable;

/// The fields of a frame. Each may be missing.
#[derive(Default)]
pub(super) struct Frame<'a> {
    pub(super) candidate: Option<Candidate<'a>>,
    pub(super) feedback: Option<Raw<'a>>,
    pub(super) usage: Option<Raw<'a>>,
    pub(super) model: Option<Raw<'a>>,
    pub(super) id: Option<Raw<'a>>,
    pub(super) error: Option<Raw<'a>>,
}

/// The first candidate; no more than one is ever asked for.
#[derive(Default)]
pub(super) struct Candidate<'a> {
    pub(super) parts: Option<Raw<'a>>,
    pub(super) finish: Option<Raw<'a>>,
    pub(super) finish_message: Option<Raw<'a>>,
    pub(super) citations: Option<Raw<'a>>,
    pub(super) grounding: Option<Raw<'a>>,
}

/// A part of a candidate's content.
#[derive(Default)]
pub(super) struct Part<'a> {
    pub(super) text: Option<Raw<'a>>,
    pub(super) is_thought: bool,
    pub(super) signature: Option<Raw<'a>>,
    pub(super) call: Option<Raw<'a>>,
}

impl<'a> Frame<'a> {
    /// Reads an object; anything else is no frame.
    pub(super) fn read(raw: Raw<'a>) -> Result<Self, Unreadable> {
        if raw.kind() != Kind::Object {
            return Err(Unreadable);
        }
        let mut frame = Self::default();
        for (key, value) in raw.fields().filter(|(_, value)| !value.is_null()) {
            match &*key.to_str() {
                "candidates" => frame.candidate = Candidate::first(value)?,
                "promptFeedback" => frame.feedback = Some(value),
                "usageMetadata" => frame.usage = Some(value),
                "modelVersion" => frame.model = Some(value),
                "responseId" => frame.id = Some(value),
                "error" => frame.error = Some(value),
                _ => {}
            }
        }
        Ok(frame)
    }
}

impl<'a> Frame<'a> {
    /// The one part of a frame that has a piece of text and says nothing else that a client is told, usage apart.
    pub(super) fn piece(&self) -> Option<(bool, Text<'a>)> {
        let Self { candidate: Some(candidate), feedback: None, error: None, .. } = self else { return None };
        let Candidate { parts: Some(parts), finish: None, finish_message: None, citations: None, grounding: None } =
            candidate
        else {
            return None;
        };
        let mut parts = parts.elements();
        let part = parts.next().filter(|_| parts.next().is_none()).and_then(|part| Part::read(part).ok())?;
        let text = part.text.and_then(Raw::as_text)?;
        (part.signature.is_none() && part.call.is_none()).then_some((part.is_thought, text))
    }
}

impl<'a> Candidate<'a> {
    fn first(candidates: Raw<'a>) -> Result<Option<Self>, Unreadable> {
        if candidates.kind() != Kind::Array {
            return Err(Unreadable);
        }
        let Some(raw) = candidates.elements().next() else { return Ok(None) };
        if raw.kind() != Kind::Object {
            return Err(Unreadable);
        }
        let mut candidate = Self::default();
        for (key, value) in raw.fields().filter(|(_, value)| !value.is_null()) {
            match &*key.to_str() {
                "content" => candidate.parts = value.get("parts").filter(|parts| !parts.is_null()),
                "finishReason" => candidate.finish = Some(value),
                "finishMessage" => candidate.finish_message = Some(value),
                "groundingMetadata" => candidate.grounding = Some(value),
                "citationMetadata" => candidate.citations = value.get("citations"),
                _ => {}
            }
        }
        Ok(Some(candidate))
    }
}

impl<'a> Part<'a> {
    pub(super) fn read(raw: Raw<'a>) -> Result<Self, Unreadable> {
        if raw.kind() != Kind::Object {
            return Err(Unreadable);
        }
        let mut part = Self::default();
        for (key, value) in raw.fields().filter(|(_, value)| !value.is_null()) {
            match &*key.to_str() {
                "text" => part.text = Some(value),
                "thought" => part.is_thought = value.as_bool() == Some(true),
                "thoughtSignature" => part.signature = Some(value),
                "functionCall" => part.call = Some(value),
                _ => {}
            }
        }
        Ok(part)
    }
}
