//! What an answer says, told block by block.

use super::block::{Block, BlockKind, Outlet};
use super::calls::{Call, Calls};
use super::content_block::ContentBlock;
use super::event::Delta;
use super::held::Held;
use super::message::Message;
use super::stop::Stop;
use super::unreadable::{Unreadable, string};
use super::usage::Tally;
use crate::chat::{Reasoning, ReasoningPiece, Sink, ToolKind};
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text, write_compact};
use crate::translate::anthropic::primed::Primed;
use crate::translate::encode::CLAUDE_FORMAT;

/// How many blocks may be open at the same time.
const MAX_OPEN: usize = 1_024;

/// The state of one answer.
#[derive(Debug)]
pub(super) struct Answer {
    primed: Primed,
    started: bool,
    blocks: Vec<Block>,
    calls: Calls,
    held: Held,
    /// Whether the tool that stands for the answer's text was called.
    structured: bool,
    reasoning_blocks: u32,
    characters: u64,
    tally: Tally,
    stop: Stop,
}

impl Answer {
    pub(super) fn new(primed: Primed) -> Self {
        Self {
            primed,
            started: false,
            blocks: Vec::new(),
            calls: Calls::default(),
            held: Held::default(),
            structured: false,
            reasoning_blocks: 0,
            characters: 0,
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
        if block.kind() != Kind::Object {
            return Err(Unreadable.into());
        }
        self.start(Text::plain(""), Text::plain(""), sink);
        self.end_block(index, sink)?;
        let fields = ContentBlock::read(block);
        match &*string(fields.kind)?.to_str() {
            "text" => {
                self.open(index, self.text_kind())?;
                self.more(index, string(fields.text)?, sink)?;
                for citation in fields.citations.into_iter().flat_map(Raw::elements) {
                    self.citation(index, citation)?;
                }
                Ok(())
            }
            "thinking" => {
                let kind = self.thinking_kind();
                self.open(index, kind)?;
                self.more(index, string(fields.thinking)?, sink)?;
                self.signature(index, string(fields.signature)?, sink);
                Ok(())
            }
            "redacted_thinking" => {
                let piece = ReasoningPiece::Encrypted(string(fields.data)?);
                sink.reasoning(Reasoning { index: self.next_reasoning(), format: CLAUDE_FORMAT, piece });
                self.open(index, BlockKind::Ignored)
            }
            "tool_use" => {
                let kind = self.call(&fields, sink)?;
                self.open(index, kind)
            }
            _ => self.open(index, BlockKind::Ignored),
        }
    }

    /// More of a block. Where its beginning was never seen, it is what the delta says that it is.
    pub(super) fn delta(&mut self, index: u64, delta: &Delta<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let kind = string(delta.kind)?.to_str();
        if self.find(index).is_none() {
            let block = match &*kind {
                "text_delta" => self.text_kind(),
                "thinking_delta" | "signature_delta" => self.thinking_kind(),
                _ => return Ok(()),
            };
            self.start(Text::plain(""), Text::plain(""), sink);
            self.open(index, block)?;
        }
        match (self.find(index).map(|block| &block.kind), &*kind) {
            (Some(BlockKind::Text { .. }), "text_delta") => self.more(index, string(delta.text)?, sink),
            (Some(BlockKind::Thinking(_)), "thinking_delta") => self.more(index, string(delta.thinking)?, sink),
            (Some(BlockKind::Call(_) | BlockKind::Structured { .. }), "input_json_delta") => {
                self.more(index, string(delta.partial_json)?, sink)
            }
            (_, "signature_delta") => {
                self.signature(index, string(delta.signature)?, sink);
                Ok(())
            }
            (_, "citations_delta") => delta.citation.map_or(Ok(()), |citation| self.citation(index, citation)),
            _ => Ok(()),
        }
    }

    /// More of a block of text. False if there is no such block.
    pub(super) fn text_delta(&mut self, index: u64, text: Text<'_>, sink: &mut impl Sink) -> Result<bool, ApiError> {
        let is_text = self.find(index).is_some_and(|block| matches!(block.kind, BlockKind::Text { .. }));
        if is_text {
            self.more(index, text, sink)?;
        }
        Ok(is_text)
    }

    /// A block ends, if it is open.
    pub(super) fn end_block(&mut self, index: u64, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Some(at) = self.blocks.iter().position(|block| block.index == index) else { return Ok(()) };
        let mut block = self.blocks.remove(at);
        block.end(&mut self.outlet(sink).1)
    }

    /// The answer is over: what is still open ends, and the reason is told.
    pub(super) fn finish(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        self.start(Text::plain(""), Text::plain(""), sink);
        while let Some(index) = self.blocks.first().map(|block| block.index) {
            self.end_block(index, sink)?;
        }
        self.stop.tell(self.structured && !self.calls.any(), sink);
        sink.end();
        Ok(())
    }

    fn find(&self, index: u64) -> Option<&Block> {
        self.blocks.iter().find(|block| block.index == index)
    }

    fn open(&mut self, index: u64, kind: BlockKind) -> Result<(), ApiError> {
        if self.blocks.len() == MAX_OPEN {
            return Err(Unreadable.into());
        }
        self.blocks.push(Block::new(index, kind));
        Ok(())
    }

    fn outlet<'a, S: Sink>(&'a mut self, sink: &'a mut S) -> (&'a mut [Block], Outlet<'a, S>) {
        let Self { blocks, calls, held, characters, .. } = self;
        (blocks, Outlet { calls, held, characters, sink })
    }

    fn more(&mut self, index: u64, text: Text<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let (blocks, mut out) = self.outlet(sink);
        match blocks.iter_mut().find(|block| block.index == index) {
            Some(block) => block.more(text, &mut out),
            None => Ok(()),
        }
    }

    fn signature(&self, index: u64, signature: Text<'_>, sink: &mut impl Sink) {
        if let Some(BlockKind::Thinking(index)) = self.find(index).map(|block| &block.kind)
            && !signature.is_empty()
        {
            sink.reasoning(Reasoning {
                index: *index,
                format: CLAUDE_FORMAT,
                piece: ReasoningPiece::Signature(signature),
            });
        }
    }

    fn citation(&mut self, index: u64, citation: Raw<'_>) -> Result<(), ApiError> {
        let block = self.blocks.iter_mut().find(|block| block.index == index);
        if let Some(BlockKind::Text { citations, .. }) = block.map(|block| &mut block.kind) {
            self.held.add(citation.text().len() + size_of::<String>())?;
            citations.push(citation.text().to_owned());
        }
        Ok(())
    }

    fn text_kind(&self) -> BlockKind {
        BlockKind::Text { start: self.characters, citations: Vec::new() }
    }

    fn thinking_kind(&mut self) -> BlockKind {
        BlockKind::Thinking(self.next_reasoning())
    }

    fn next_reasoning(&mut self) -> u32 {
        let index = self.reasoning_blocks;
        self.reasoning_blocks = index.saturating_add(1);
        index
    }

    /// A tool call begins. Without an id or a name nobody could answer it.
    fn call(&mut self, block: &ContentBlock<'_>, sink: &mut impl Sink) -> Result<BlockKind, ApiError> {
        let (id, name) = (string(block.id)?, string(block.name)?);
        if id.is_empty() || name.is_empty() {
            return Err(Unreadable.into());
        }
        let seed = block.input.and_then(arguments);
        if self.primed.structured_tool.as_deref().is_some_and(|tool| name.eq_str(tool)) {
            self.structured = true;
            return Ok(BlockKind::Structured { seed: Some(seed.unwrap_or_else(|| "{}".to_owned())) });
        }
        let custom = self.primed.custom_tools.iter().any(|tool| name.eq_str(tool));
        let kind = if custom { ToolKind::Custom } else { ToolKind::Function };
        let call = Call::new(id.to_str().into_owned(), name.to_str().into_owned(), kind, seed);
        Ok(BlockKind::Call(self.calls.begin(call, &mut self.held, sink)?))
    }
}

/// The arguments that a call has from its start: none in a stream, where the `input` is empty.
fn arguments(input: Raw<'_>) -> Option<String> {
    // Some compatible servers write the arguments as OpenAI does, as a string.
    if let Some(text) = input.as_text() {
        return (!text.is_empty()).then(|| text.to_str().into_owned());
    }
    let mut out = Vec::new();
    write_compact(&mut out, input);
    let compact = String::from_utf8(out).ok()?;
    (compact != "{}" && compact != "null").then_some(compact)
}
