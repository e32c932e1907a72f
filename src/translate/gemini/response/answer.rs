//! What an answer says, told frame by frame.

use super::citation::{self, Extent};
use super::finish::Meaning;
use super::frame::{Candidate, Frame, Part};
use super::usage::Tally;
use crate::chat::{FinishReason, Sink, random};
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};
use crate::translate::decode::{Blocks, CallStart, Primed, Unreadable, string};
use crate::translate::gemini::FORMAT;

/// How many calls an answer may make.
const MAX_CALLS: usize = 1_024;

/// The state of one answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    started: bool,
    id: String,
    model: String,
    blocks: Blocks,
    /// What the open block is, and its number.
    open: Open,
    next: u64,
    /// The ids of the calls that have been told.
    calls: Vec<String>,
    extent: Extent,
    tally: Tally,
    /// Why the model stopped, and what Gemini adds to that.
    finish: Option<(Meaning, String)>,
    finish_message: Option<String>,
    /// The last that was said of where a search found things; it is said again with more in it.
    grounding: Option<String>,
    /// Why the prompt was not let through.
    blocked: Option<String>,
    /// OpenAI's word for the tier that served.
    pub(super) tier: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Text(u64),
    Thought(u64),
}

impl Answer {
    pub(super) fn new(primed: Primed) -> Self {
        Self {
            started: false,
            id: String::new(),
            model: String::new(),
            blocks: Blocks::new(primed, FORMAT),
            open: Open::Nothing,
            next: 0,
            calls: Vec::new(),
            extent: Extent::default(),
            tally: Tally::default(),
            finish: None,
            finish_message: None,
            grounding: None,
            blocked: None,
            tier: None,
        }
    }

    /// Takes a frame, which is no error.
    pub(super) fn frame(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        if !self.started {
            note(&mut self.id, frame.id)?;
            note(&mut self.model, frame.model)?;
        }
        if let Some(usage) = frame.usage {
            self.usage(usage, sink);
        }
        if let Some(reason) = frame.feedback.and_then(|feedback| feedback.get("blockReason")) {
            self.blocked = Some(string(Some(reason))?.to_str().into_owned()).filter(|reason| !reason.is_empty());
        }
        match &frame.candidate {
            Some(candidate) => self.candidate(candidate, sink),
            None => Ok(()),
        }
    }

    fn usage(&mut self, usage: Raw<'_>, sink: &mut impl Sink) {
        let mut tally = self.tally;
        tally.merge(usage);
        self.count(tally, sink);
    }

    /// The counts so far.
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    fn count(&mut self, tally: Tally, sink: &mut impl Sink) {
        if let Some(usage) = tally.usage().filter(|_| self.tally != tally) {
            sink.usage(usage);
        }
        self.tally = tally;
    }

    /// A frame that is nothing but a piece of text, and the counts up to it.
    pub(super) fn piece(
        &mut self,
        is_thought: bool,
        text: Text<'_>,
        tally: Tally,
        sink: &mut impl Sink,
    ) -> Result<(), ApiError> {
        self.count(tally, sink);
        self.text(is_thought, text, sink)
    }

    fn candidate(&mut self, candidate: &Candidate<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        if let Some(parts) = candidate.parts {
            if parts.kind() != Kind::Array {
                return Err(Unreadable.into());
            }
            for part in parts.elements() {
                self.part(&Part::read(part)?, sink)?;
            }
        }
        let finish = string(candidate.finish)?;
        if !finish.is_empty() {
            let word = finish.to_str().into_owned();
            self.finish = Some((Meaning::of(&word), word));
        }
        let message = string(candidate.finish_message)?;
        if !message.is_empty() {
            self.finish_message = Some(message.to_str().into_owned());
        }
        if let Some(citations) = candidate.citations {
            citation::tell(citations, self.extent, sink);
        }
        self.grounding = candidate.grounding.map(|grounding| grounding.text().to_owned()).or(self.grounding.take());
        Ok(())
    }

    fn part(&mut self, part: &Part<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let signature = string(part.signature)?;
        if let Some(call) = part.call {
            return self.call(call, signature, sink);
        }
        self.text(part.is_thought, string(part.text)?, sink)?;
        if !signature.is_empty() {
            self.start(sink);
            self.close(sink)?;
            self.blocks.redacted(signature, sink);
        }
        Ok(())
    }

    fn text(&mut self, is_thought: bool, text: Text<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        if text.is_empty() {
            return Ok(());
        }
        self.start(sink);
        let index = self.block(is_thought, sink)?;
        self.blocks.more(index, text, sink)?;
        if !is_thought {
            self.extent.bytes += text.len() as u64;
            self.extent.characters += text.char_count() as u64;
        }
        Ok(())
    }

    /// The number of the open block, if it is of this kind, or of a new one.
    fn block(&mut self, is_thought: bool, sink: &mut impl Sink) -> Result<u64, ApiError> {
        match (self.open, is_thought) {
            (Open::Text(index), false) | (Open::Thought(index), true) => return Ok(index),
            _ => self.close(sink)?,
        }
        let index = self.number();
        if is_thought {
            self.blocks.thinking(index)?;
            self.open = Open::Thought(index);
        } else {
            self.blocks.text(index)?;
            self.open = Open::Text(index);
        }
        Ok(index)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn close(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => Ok(()),
            Open::Text(index) | Open::Thought(index) => self.blocks.end(index, sink),
        }
    }

    /// A call, which always comes in one piece. Older models give it no id; a made-up one must be another in each turn, or
    /// a conversation could not tell its calls apart.
    fn call(&mut self, call: Raw<'_>, signature: Text<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        if call.kind() != Kind::Object || self.calls.len() == MAX_CALLS {
            return Err(Unreadable.into());
        }
        let given = string(call.get("id"))?.to_str();
        if !given.is_empty() && self.calls.iter().any(|id| *id == given) {
            return Ok(());
        }
        let id = if given.is_empty() { random("call_") } else { given.into_owned() };
        self.start(sink);
        self.close(sink)?;
        let index = self.number();
        let start = CallStart { id: Text::plain(&id), name: string(call.get("name"))?, input: call.get("args") };
        if !signature.is_empty() {
            sink.tool_signature(signature);
        }
        self.blocks.call(index, &start, sink)?;
        self.blocks.end(index, sink)?;
        self.calls.push(id);
        Ok(())
    }

    fn start(&mut self, sink: &mut impl Sink) {
        if !std::mem::replace(&mut self.started, true) {
            sink.start(Text::plain(&self.id), Text::plain(&self.model));
        }
    }

    /// No more frames come. The reason is told only now: frames after the one that names it still count.
    pub(super) fn finish(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        if let Some(reason) = self.blocked.take().filter(|_| !self.started) {
            self.start(sink);
            sink.refusal(Text::plain(&reason));
            sink.finish(FinishReason::ContentFilter, None);
            sink.end();
            return Ok(());
        }
        let (meaning, word) = match self.finish.take() {
            Some((Meaning::Malformed, _)) if !self.started => return Err(ApiError::upstream_malformed()),
            Some(finish) => finish,
            None if self.started => return Err(ApiError::upstream_broke_off()),
            None => return Err(ApiError::upstream_empty()),
        };
        self.start(sink);
        self.close(sink)?;
        if let Some(grounding) = self.grounding.take() {
            citation::tell_grounding(Raw::parse(&grounding).map_err(Unreadable::from)?, self.extent, sink);
        }
        let (reason, is_native) = meaning.reason(!self.calls.is_empty());
        if let Some(message) = self.finish_message.take().filter(|_| reason == FinishReason::ContentFilter) {
            sink.refusal(Text::plain(&message));
        }
        if let Some(tier) = self.tier {
            sink.service_tier(Text::plain(tier));
        }
        sink.finish(reason, is_native.then(|| Text::plain(&word)));
        sink.end();
        Ok(())
    }
}

/// Notes a word that is the same in every frame.
fn note(place: &mut String, value: Option<Raw<'_>>) -> Result<(), Unreadable> {
    let text = string(value)?;
    if place.is_empty() && !text.is_empty() {
        text.to_str().as_ref().clone_into(place);
    }
    Ok(())
}
