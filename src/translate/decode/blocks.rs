//! The blocks of an answer, of which several may be open at a time.

use super::block::{Block, Kind, Outlet, Source};
use super::calls::{Call, Calls};
use super::held::Held;
use super::primed::Primed;
use super::unreadable::Unreadable;
use crate::chat::{Reasoning, ReasoningPiece, Sink, ToolKind};
use crate::error::ApiError;
use crate::json::{Raw, Text, write_compact};

/// How many blocks may be open at the same time.
const MAX_OPEN: usize = 1_024;

/// The blocks that have begun and not ended, and what was told of those before them.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    primed: Primed,
    format: &'static str,
    open: Vec<Block>,
    calls: Calls,
    held: Held,
    /// Whether the tool that stands for the answer's text was called.
    structured: bool,
    reasoning_blocks: u32,
    characters: u64,
}

/// The beginning of a tool call.
pub(crate) struct CallStart<'a> {
    pub(crate) id: Text<'a>,
    pub(crate) name: Text<'a>,
    /// The arguments, if they are there from the start.
    pub(crate) input: Option<Raw<'a>>,
}

impl Blocks {
    /// No block yet. `format` is the dialect of signatures in the reasoning.
    pub(crate) fn new(primed: Primed, format: &'static str) -> Self {
        Self {
            primed,
            format,
            open: Vec::new(),
            calls: Calls::default(),
            held: Held::default(),
            structured: false,
            reasoning_blocks: 0,
            characters: 0,
        }
    }

    /// What the open block of this number holds.
    pub(crate) fn kind(&self, index: u64) -> Option<&Kind> {
        self.open.iter().find(|block| block.index == index).map(|block| &block.kind)
    }

    /// Whether the tool that stands for the answer's text was called, and no other.
    pub(crate) fn is_structured(&self) -> bool {
        self.structured && !self.calls.any()
    }

    /// A block of text begins.
    pub(crate) fn text(&mut self, index: u64) -> Result<(), ApiError> {
        self.begin(index, Kind::Text { start: self.characters, sources: Vec::new() })
    }

    /// A block of thinking begins.
    pub(crate) fn thinking(&mut self, index: u64) -> Result<(), ApiError> {
        let kind = Kind::Thinking(self.next_reasoning());
        self.begin(index, kind)
    }

    /// A tool call begins. Without an id or a name nobody could answer it.
    pub(crate) fn call(&mut self, index: u64, start: &CallStart<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let &CallStart { id, name, input } = start;
        if id.is_empty() || name.is_empty() {
            return Err(Unreadable.into());
        }
        let seed = input.and_then(arguments);
        if self.primed.structured_tool.as_deref().is_some_and(|tool| name.eq_str(tool)) {
            self.structured = true;
            return self.begin(index, Kind::Structured { seed: Some(seed.unwrap_or_else(|| "{}".to_owned())) });
        }
        let custom = self.primed.custom_tools.iter().any(|tool| name.eq_str(tool));
        let kind = if custom { ToolKind::Custom } else { ToolKind::Function };
        let call = Call::new(id.to_str().into_owned(), name.to_str().into_owned(), kind, seed);
        let serial = self.calls.begin(call, &mut self.held, sink)?;
        self.begin(index, Kind::Call(serial))
    }

    /// A block begins of which nothing can be told.
    pub(crate) fn ignored(&mut self, index: u64) -> Result<(), ApiError> {
        self.begin(index, Kind::Ignored)
    }

    fn begin(&mut self, index: u64, kind: Kind) -> Result<(), ApiError> {
        if self.open.len() == MAX_OPEN {
            return Err(Unreadable.into());
        }
        self.open.push(Block::new(index, kind));
        Ok(())
    }

    /// More text, thinking or arguments of a block, if it is open.
    pub(crate) fn more(&mut self, index: u64, text: Text<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let (open, mut out) = self.outlet(sink);
        match open.iter_mut().find(|block| block.index == index) {
            Some(block) => block.more(text, &mut out),
            None => Ok(()),
        }
    }

    /// The signature of a block of thinking.
    pub(crate) fn signature(&self, index: u64, signature: Text<'_>, sink: &mut impl Sink) {
        if let Some(&Kind::Thinking(index)) = self.kind(index)
            && !signature.is_empty()
        {
            sink.reasoning(Reasoning { index, format: self.format, piece: ReasoningPiece::Signature(signature) });
        }
    }

    /// Thinking that only the provider can read.
    pub(crate) fn redacted(&mut self, data: Text<'_>, sink: &mut impl Sink) {
        let index = self.next_reasoning();
        sink.reasoning(Reasoning { index, format: self.format, piece: ReasoningPiece::Encrypted(data) });
    }

    /// A citation of `size` bytes in a block of text. One that is not of the web counts, and is not told.
    pub(crate) fn cite(&mut self, index: u64, size: usize, source: Option<Source>) -> Result<(), ApiError> {
        let block = self.open.iter_mut().find(|block| block.index == index);
        if let Some(Kind::Text { sources, .. }) = block.map(|block| &mut block.kind) {
            self.held.add(size + size_of::<Source>())?;
            sources.extend(source);
        }
        Ok(())
    }

    /// A block ends, if it is open.
    pub(crate) fn end(&mut self, index: u64, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Some(at) = self.open.iter().position(|block| block.index == index) else { return Ok(()) };
        let mut block = self.open.remove(at);
        block.end(&mut self.outlet(sink).1)
    }

    /// What is still open ends.
    pub(crate) fn end_all(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        while let Some(index) = self.open.first().map(|block| block.index) {
            self.end(index, sink)?;
        }
        Ok(())
    }

    fn next_reasoning(&mut self) -> u32 {
        let index = self.reasoning_blocks;
        self.reasoning_blocks = index.saturating_add(1);
        index
    }

    fn outlet<'a, S: Sink>(&'a mut self, sink: &'a mut S) -> (&'a mut [Block], Outlet<'a, S>) {
        let Self { open, calls, held, characters, format, .. } = self;
        (open, Outlet { format, calls, held, characters, sink })
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
