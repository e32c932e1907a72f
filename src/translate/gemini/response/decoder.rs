//! The reader of one answer.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::Answer;
use super::error;
use super::frame::Frame;
use super::usage::growing;
use crate::chat::Sink;
use crate::chat::sse::{Block, Scanner};
use crate::error::ApiError;
use crate::json::{Kind, Place, Raw, Template};
use crate::translate::decode::{Primed, Unreadable};
use crate::translate::dialect::Decode;
use crate::translate::scrub::Scrub;

/// Reads an answer of Gemini's `generateContent` or `streamGenerateContent`.
#[derive(Clone)]
pub struct GeminiDecoder {
    scanner: Scanner,
    state: State,
}

/// What the frames act on.
#[derive(Clone)]
struct State {
    answer: Answer,
    scrub: Scrub,
    ended: bool,
    /// The last frame that was nothing but a piece of text with the counts up to it, and whether it was a thought.
    template: Template,
    is_thought: bool,
}

impl GeminiDecoder {
    /// A reader that knows this of the request, and takes these secrets out of what it quotes.
    pub(crate) fn new(primed: Primed, scrub: Scrub) -> Self {
        let state = State {
            answer: Answer::new(primed),
            scrub,
            ended: false,
            template: Template::default(),
            is_thought: false,
        };
        Self { scanner: Scanner::default(), state }
    }
}

/// What has been read is not printed: it is the answer.
impl fmt::Debug for GeminiDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeminiDecoder").field("ended", &self.state.ended).finish_non_exhaustive()
    }
}

impl Decode for GeminiDecoder {
    /// The tier that served stands in a header alone.
    fn head(&mut self, headers: &HeaderMap) {
        self.state.answer.tier = match headers.get("x-gemini-service-tier").map(HeaderValue::as_bytes) {
            Some(b"standard") => Some("default"),
            Some(b"flex") => Some("flex"),
            Some(b"priority") => Some("priority"),
            _ => None,
        };
    }

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
        let mut tally = self.answer.tally();
        if let Some(found) = self.template.recognise_with(&data, |name, count| tally.set(name, count)) {
            return self.answer.piece(self.is_thought, found.text, tally, sink);
        }
        // Servers that imitate Google's may end a stream like this.
        if *data == *b"[DONE]" {
            return self.finish(sink);
        }
        let raw = Raw::from_bytes(&data).map_err(Unreadable::from)?;
        if raw.kind() != Kind::Object {
            return self.frames(raw, sink);
        }
        let frame = Frame::read(raw)?;
        self.told(&frame, sink)?;
        self.learn(&frame, &data);
        Ok(())
    }

    /// The next frames are likely to be like this one, if it is a piece of text.
    fn learn(&mut self, frame: &Frame<'_>, data: &[u8]) {
        let Some((is_thought, text)) = frame.piece() else { return };
        let Some(text) = text.source().filter(|text| !text.is_empty()) else { return };
        let counts = frame.usage.into_iter().flat_map(growing).map(|(name, count)| (Place::Number(name), count));
        self.template.learn_with(data, std::iter::once((Place::Text, text)).chain(counts));
        self.is_thought = is_thought;
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
        self.told(&Frame::read(raw)?, sink)
    }

    fn told(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        match frame.error {
            Some(error) => Err(error::from_frame(error, &self.scrub)),
            None => self.answer.frame(frame, sink),
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
