//! What an answer says, told block by block.

use super::citation;
use super::content_block::ContentBlock;
use super::event::Delta;
use super::message::Message;
use super::stop::Stop;
use super::usage::Tally;
use crate::chat::Sink;
use crate::error::ApiError;
use crate::json::{Kind as Json, Raw, Text};
use crate::translate::decode::{Blocks, CallStart, Kind, Primed, Unreadable, string};
use crate::translate::encode::CLAUDE_FORMAT;

/// The state of one answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    started: bool,
    blocks: Blocks,
    tally: Tally,
    stop: Stop,
}

impl Answer {
    pub(super) fn new(primed: Primed) -> Self {
        Self {
            started: false,
            blocks: Blocks::new(primed, CLAUDE_FORMAT),
            tally: Tally::default(),
            stop: Stop::default(),
        }
    }

    /// The head of a message: `message_start`, or a whole message without its content.
    pub(super) fn head(&mut self, message: &Message<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        self.start(string(message.id)?, string(message.model)?, sink);
        self.stop.note(message.stop_reason, message.stop_details)?;
        self.usage(message.usage, sink);
        Ok(())
    }

    fn start(&mut self, id: Text<'_>, model: Text<'_>, sink: &mut impl Sink) {
        if !std::mem::replace(&mut self.started, true) {
            sink.start(id, model);
        }
    }

    /// Takes a `usage` object, if there is one.
    pub(super) fn usage(&mut self, usage: Option<Raw<'_>>, sink: &mut impl Sink) {
        let Some(usage) = usage else { return };
        let before = self.tally;
        self.tally.merge(usage);
        if let Some(usage) = self.tally.usage().filter(|_| self.tally != before) {
            sink.usage(usage);
        }
    }

    /// The `delta` of a `message_delta`.
    pub(super) fn stop(&mut self, delta: &Delta<'_>) -> Result<(), Unreadable> {
        self.stop.note(delta.stop_reason, delta.stop_details)
    }

    /// Whether the provider has said anything.
    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    /// Whether the provider has said why the model stopped.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_known()
    }

    /// A block begins. Whatever it holds from its start is told.
    pub(super) fn begin_block(&mut self, index: u64, block: Raw<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        if block.kind() != Json::Object {
            return Err(Unreadable.into());
        }
        self.start(Text::plain(""), Text::plain(""), sink);
        self.end_block(index, sink)?;
        let fields = ContentBlock::read(block);
        match &*string(fields.kind)?.to_str() {
            "text" => {
                self.blocks.text(index)?;
                self.blocks.more(index, string(fields.text)?, sink)?;
                for citation in fields.citations.into_iter().flat_map(Raw::elements) {
                    self.citation(index, citation)?;
                }
                Ok(())
            }
            "thinking" => {
                self.blocks.thinking(index)?;
                self.blocks.more(index, string(fields.thinking)?, sink)?;
                self.blocks.signature(index, string(fields.signature)?, sink);
                Ok(())
            }
            "redacted_thinking" => {
                self.blocks.redacted(string(fields.data)?, sink);
                self.blocks.ignored(index)
            }
            "tool_use" => {
                let start = CallStart { id: string(fields.id)?, name: string(fields.name)?, input: fields.input };
                self.blocks.call(index, &start, sink)
            }
            _ => self.blocks.ignored(index),
        }
    }

    /// More of a block. Where its beginning was never seen, it is what the delta says that it is.
    pub(super) fn delta(&mut self, index: u64, delta: &Delta<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let kind = string(delta.kind)?.to_str();
        if self.blocks.kind(index).is_none() {
            match &*kind {
                "text_delta" => self.blocks.text(index)?,
                "thinking_delta" | "signature_delta" => self.blocks.thinking(index)?,
                _ => return Ok(()),
            }
            self.start(Text::plain(""), Text::plain(""), sink);
        }
        match (self.blocks.kind(index), &*kind) {
            (Some(Kind::Text { .. }), "text_delta") => self.blocks.more(index, string(delta.text)?, sink),
            (Some(Kind::Thinking(_)), "thinking_delta") => self.blocks.more(index, string(delta.thinking)?, sink),
            (Some(Kind::Call(_) | Kind::Structured { .. }), "input_json_delta") => {
                self.blocks.more(index, string(delta.partial_json)?, sink)
            }
            (_, "signature_delta") => {
                self.blocks.signature(index, string(delta.signature)?, sink);
                Ok(())
            }
            (_, "citations_delta") => delta.citation.map_or(Ok(()), |citation| self.citation(index, citation)),
            _ => Ok(()),
        }
    }

    /// More of a block of text. False if there is no such block.
    pub(super) fn text_delta(&mut self, index: u64, text: Text<'_>, sink: &mut impl Sink) -> Result<bool, ApiError> {
        let is_text = matches!(self.blocks.kind(index), Some(Kind::Text { .. }));
        if is_text {
            self.blocks.more(index, text, sink)?;
        }
        Ok(is_text)
    }

    /// A block ends, if it is open.
    pub(super) fn end_block(&mut self, index: u64, sink: &mut impl Sink) -> Result<(), ApiError> {
        self.blocks.end(index, sink)
    }

    /// The answer is over: what is still open ends, and the reason is told.
    pub(super) fn finish(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        self.start(Text::plain(""), Text::plain(""), sink);
        self.blocks.end_all(sink)?;
        self.stop.tell(self.blocks.is_structured(), sink);
        sink.end();
        Ok(())
    }

    fn citation(&mut self, index: u64, citation: Raw<'_>) -> Result<(), ApiError> {
        self.blocks.cite(index, citation.text().len(), citation::source(citation))
    }
}
