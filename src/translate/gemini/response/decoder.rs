//! The reader of one answer.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;

use super::answer::Answer;
use super::error;
use super::frame::Frame;
use crate::chat::Sink;
use crate::chat::sse::{Block, Scanner};
use crate::error::ApiError;
use crate::json::{Kind, Raw};
use crate::translate::decode::{Primed, Unreadable};
use crate::translate::dialect::Decode;
use crate::translate::scrub::Scrub;

/// Reads an answer of Gemini's `generateContent` or `streamGenerateContent`.
pub struct GeminiDecoder {
    scanner: Scanner,
    state: State,
}

/// What the frames act on.
struct State {
    answer: Answer,
    scrub: Scrub,
    ended: bool,
}

impl GeminiDecoder {
    /// A reader that knows this of the request, and takes these secrets out of what it quotes.
    pub(crate) fn new(primed: Primed, scrub: Scrub) -> Self {
        Self { scanner: Scanner::default(), state: State { answer: Answer::new(primed), scrub, ended: false } }
    }
}

/// What has been read is not printed: it is the answer.
impl fmt::Debug for GeminiDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeminiDecoder").field("ended", &self.state.ended).finish_non_exhaustive()
    }
}

impl Decode for GeminiDecoder {
    fn stream(&mut self, bytes: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Self { scanner, state } = self;
        if state.ended {
            return Ok(());
        }
        scanner.feed(&bytes, |block| state.block(&block, sink))
    }

    /// Gemini has no other word for the end of a stream than its end.
    fn end(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Self { scanner, state } = self;
        let last = scanner.finish(|block| if is_complete(&block) { state.block(&block, sink) } else { Ok(()) });
        last.transpose()?;
        state.finish(sink)
    }

    fn whole(&mut self, body: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        let body = Raw::from_bytes(&body).map_err(Unreadable::from)?;
        self.state.frames(body, sink)?;
        self.state.finish(sink)
    }

    fn error(&self, status: StatusCode, body: &[u8]) -> ApiError {
        error::from_status(status, body, &self.state.scrub)
    }
}

impl State {
    fn block(&mut self, block: &Block<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Some(data) = block.data() else { return Ok(()) };
        if self.ended || data.is_empty() {
            return Ok(());
        }
        // Servers that imitate Google's may end a stream like this.
        if *data == *b"[DONE]" {
            return self.finish(sink);
        }
        self.frames(Raw::from_bytes(&data).map_err(Unreadable::from)?, sink)
    }

    /// A frame, or a list of them: that is how a stream comes without `alt=sse`, and some errors.
    fn frames(&mut self, raw: Raw<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        if raw.kind() != Kind::Array {
            return self.frame(raw, sink);
        }
        for frame in raw.elements() {
            self.frame(frame, sink)?;
        }
        Ok(())
    }

    fn frame(&mut self, raw: Raw<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let frame = Frame::read(raw)?;
        match frame.error {
            Some(error) => Err(error::from_frame(error, &self.scrub)),
            None => self.answer.frame(&frame, sink),
        }
    }

    fn finish(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        self.answer.finish(sink)
    }
}

/// Whether the last event of a stream is all there. Half an event is as good as none.
fn is_complete(block: &Block<'_>) -> bool {
    block.data().is_some_and(|data| Raw::from_bytes(&data).is_ok())
}
