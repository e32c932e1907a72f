//! A content block that has begun and not ended.

use super::calls::Calls;
use super::half::Half;
use super::held::Held;
use crate::chat::{Citation, Reasoning, ReasoningPiece, Sink};
use crate::error::ApiError;
use crate::json::Text;

#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The provider's number of the block.
    pub(super) index: u64,
    pub(super) kind: Kind,
    half: Half,
}

/// What a block holds.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Text, the character of the answer at which it begins, and what it refers to.
    Text { start: u64, sources: Vec<Source> },
    /// Thinking, and its number among the blocks of reasoning.
    Thinking(u32),
    /// A tool call, and its number.
    Call(u32),
    /// The tool whose input is the answer's text, and what it is if nothing more comes.
    Structured { seed: Option<String> },
    /// What a client of OpenAI cannot be told: server tools and their results, and what is not known yet.
    Ignored,
}

/// A page of the web that a text refers to: the one kind of citation that OpenAI's answers have a form for.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) url: String,
    pub(crate) title: String,
}

/// What the pieces of a block act on.
pub(super) struct Outlet<'a, S> {
    pub(super) format: &'static str,
    pub(super) calls: &'a mut Calls,
    pub(super) held: &'a mut Held,
    pub(super) characters: &'a mut u64,
    pub(super) sink: &'a mut S,
}

impl Block {
    pub(super) fn new(index: u64, kind: Kind) -> Self {
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
            Kind::Text { start, sources } => {
                for Source { url, title } in sources {
                    let (url, title) = (Text::plain(url), Text::plain(title));
                    out.sink.citation(Citation { url, title, start: *start, end: *out.characters });
                }
            }
            Kind::Call(serial) => out.calls.end(*serial, out.sink),
            Kind::Structured { seed } => {
                if let Some(seed) = seed.take() {
                    kind.tell(Text::plain(&seed), out)?;
                }
            }
            Kind::Thinking(_) | Kind::Ignored => {}
        }
        Ok(())
    }
}

impl Kind {
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
                out.sink.reasoning(Reasoning { index: *index, format: out.format, piece: ReasoningPiece::Text(text) });
            }
            Self::Call(serial) => out.calls.args(*serial, text, out.held, out.sink)?,
            Self::Ignored => {}
        }
        Ok(())
    }
}
