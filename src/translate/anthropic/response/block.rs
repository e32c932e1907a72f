//! A content block that has begun and not ended.

use super::calls::Calls;
use super::half::Half;
use super::held::Held;
use crate::chat::{Reasoning, ReasoningPiece, Sink};
use crate::error::ApiError;
use crate::json::Text;
use crate::translate::encode::CLAUDE_FORMAT;

#[derive(Debug)]
pub(super) struct Block {
    /// The provider's number of the block.
    pub(super) index: u64,
    pub(super) kind: BlockKind,
    half: Half,
}

#[derive(Debug)]
pub(super) enum BlockKind {
    /// `text`, the character of the answer at which it begins, and what it refers to.
    Text { start: u64, citations: Vec<String> },
    /// `thinking`, and its number among the blocks of reasoning.
    Thinking(u32),
    /// `tool_use`, and the call's number.
    Call(u32),
    /// The tool whose input is the answer's text, and what it is if nothing more comes.
    Structured { seed: Option<String> },
    /// What a client of OpenAI cannot be told: server tools and their results, and what is not known yet.
    Ignored,
}

/// What the pieces of a block act on.
pub(super) struct Outlet<'a, S> {
    pub(super) calls: &'a mut Calls,
    pub(super) held: &'a mut Held,
    pub(super) characters: &'a mut u64,
    pub(super) sink: &'a mut S,
}

impl Block {
    pub(super) fn new(index: u64, kind: BlockKind) -> Self {
        Self { index, kind, half: Half::default() }
    }

    /// More of the block's text, thinking or arguments.
    pub(super) fn more<S: Sink>(&mut self, text: Text<'_>, out: &mut Outlet<'_, S>) -> Result<(), ApiError> {
        let Self { kind, half, .. } = self;
        half.pass(text, |piece| kind.tell(piece, out))
    }

    /// The block has ended.
    pub(super) fn end<S: Sink>(&mut self, out: &mut Outlet<'_, S>) -> Result<(), ApiError> {
        let Self { kind, half, .. } = self;
        half.flush(|piece| kind.tell(piece, out))?;
        match kind {
            BlockKind::Text { start, citations } => {
                for citation in citations {
                    super::citation::tell(citation, *start, *out.characters, out.sink);
                }
            }
            BlockKind::Call(serial) => out.calls.end(*serial, out.sink),
            BlockKind::Structured { seed } => {
                if let Some(seed) = seed.take() {
                    kind.tell(Text::plain(&seed), out)?;
                }
            }
            BlockKind::Thinking(_) | BlockKind::Ignored => {}
        }
        Ok(())
    }
}

impl BlockKind {
    fn tell<S: Sink>(&mut self, text: Text<'_>, out: &mut Outlet<'_, S>) -> Result<(), ApiError> {
        match self {
            Self::Text { .. } | Self::Structured { .. } => {
                if let Self::Structured { seed } = self {
                    *seed = None;
                }
                *out.characters += text.char_count() as u64;
                out.sink.text(text);
            }
            Self::Thinking(index) => {
                out.sink.reasoning(Reasoning {
                    index: *index,
                    format: CLAUDE_FORMAT,
                    piece: ReasoningPiece::Text(text),
                });
            }
            Self::Call(serial) => out.calls.args(*serial, text, out.held, out.sink)?,
            Self::Ignored => {}
        }
        Ok(())
    }
}
