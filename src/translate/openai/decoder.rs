//! Reads an OpenAI-shaped answer in passing.

use bytes::Bytes;
use http::StatusCode;

use super::{error, replay};
use crate::chat::facts::Facts;
use crate::chat::sse::{self, Block, EventTooLong, Scanner};
use crate::chat::{Seen, Sink};
use crate::error::ApiError;
use crate::json::{Template, Text};
use crate::translate::dialect::Decode;
use crate::translate::scrub::Scrub;

/// Forwards an answer as it is, except for the usage chunk that only we asked for.
#[derive(Debug)]
pub struct OpenAiDecoder {
    streaming: bool,
    show_usage: bool,
    scrub: Scrub,
    scanner: Scanner,
    /// What came before the first event: comments must not count as the start of an answer.
    preamble: Vec<u8>,
    progress: Progress,
}

#[derive(Debug, Default)]
struct Progress {
    /// The last event that was nothing but a piece of text.
    template: Template,
    started: bool,
    finished: bool,
    done: bool,
}

/// What becomes of a block.
#[derive(PartialEq)]
enum Verdict {
    Show,
    Hide,
    Done,
}

impl OpenAiDecoder {
    pub(super) fn new(streaming: bool, show_usage: bool, scrub: Scrub) -> Self {
        Self {
            streaming,
            show_usage,
            scrub,
            scanner: Scanner::default(),
            preamble: Vec::new(),
            progress: Progress::default(),
        }
    }
}

impl Progress {
    fn judge(
        &mut self,
        block: &Block<'_>,
        show_usage: bool,
        scrub: &Scrub,
        sink: &mut impl Sink,
    ) -> Result<Verdict, ApiError> {
        let Some(data) = block.data() else { return Ok(Verdict::Show) };
        if data.starts_with(b"[DONE]") {
            self.started = true;
            return Ok(Verdict::Done);
        }
        if let Some(text) = self.template.recognise(&data) {
            sink.observe(Seen::Text(text.len()));
            return Ok(Verdict::Show);
        }
        let facts = Facts::read(&data).map_err(|_| garbage())?;
        if let Some(error) = facts.error {
            return Err(error::from_event(error, scrub));
        }
        if let Some(text) = facts.only_text().and_then(Text::source) {
            self.template.learn(&data, text);
        }
        if !self.started
            && let Some(model) = facts.model
        {
            sink.observe(Seen::Model(model));
        }
        if facts.text_bytes > 0 {
            sink.observe(Seen::Text(facts.text_bytes));
        }
        if let Some(reason) = facts.finish {
            self.finished = true;
            sink.observe(Seen::Finish(reason));
        }
        if let Some(usage) = facts.usage {
            sink.usage(usage);
        }
        let only_usage = facts.usage.is_some() && facts.choices == Some(0);
        if only_usage && !show_usage {
            return Ok(Verdict::Hide);
        }
        self.started = true;
        Ok(Verdict::Show)
    }
}

/// The part of a chunk that goes out uncopied: whole blocks that lie side by side.
struct Run<'a> {
    bytes: &'a Bytes,
    from: usize,
    to: usize,
}

impl Run<'_> {
    fn flush(&mut self, sink: &mut impl Sink) {
        if self.to > self.from {
            sink.forward(self.bytes.slice(self.from..self.to));
        }
        self.from = self.to;
    }

    /// Leaves a block out.
    fn skip(&mut self, end: usize, sink: &mut impl Sink) {
        self.flush(sink);
        self.from = end;
        self.to = end;
    }

    fn show(&mut self, block: &Block<'_>, sink: &mut impl Sink) {
        if block.raw.len() > block.end {
            sink.forward(Bytes::copy_from_slice(block.raw));
            self.from = block.end;
        }
        self.to = block.end;
    }
}

impl Decode for OpenAiDecoder {
    fn stream(&mut self, bytes: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Self { show_usage, scrub, scanner, preamble, progress, .. } = self;
        let mut run = Run { bytes: &bytes, from: 0, to: 0 };
        let fed = scanner.feed(&bytes, |block| {
            if progress.done {
                return Ok(());
            }
            let verdict = progress.judge(&block, *show_usage, scrub, sink)?;
            if verdict == Verdict::Hide {
                run.skip(block.end, sink);
            } else if !progress.started {
                preamble.extend_from_slice(block.raw);
                run.skip(block.end, sink);
            } else {
                if !preamble.is_empty() {
                    sink.forward(std::mem::take(preamble).into());
                }
                run.show(&block, sink);
            }
            progress.done = verdict == Verdict::Done;
            Ok(())
        });
        run.flush(sink);
        if progress.done {
            sink.end();
        }
        fed
    }

    fn end(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Self { show_usage, scrub, scanner, progress, .. } = self;
        let last = scanner.finish(|block| {
            let verdict = progress.judge(&block, *show_usage, scrub, sink)?;
            if verdict == Verdict::Show && block.data().is_some() {
                sink.forward([block.raw.trim_ascii_end(), b"\n\n"].concat().into());
            }
            Ok::<(), ApiError>(())
        });
        last.transpose()?;
        if !progress.finished && !progress.done {
            return Err(ApiError::upstream_error("The upstream provider's answer broke off."));
        }
        sink.forward(Bytes::from_static(sse::DONE));
        sink.end();
        Ok(())
    }

    fn whole(&mut self, body: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        let facts = Facts::read(&body).map_err(|_| garbage())?;
        if let Some(error) = facts.error {
            return Err(error::from_event(error, &self.scrub));
        }
        if facts.choices.unwrap_or(0) == 0 {
            return Err(garbage());
        }
        if let Some(usage) = facts.usage {
            sink.usage(usage);
        }
        if self.streaming {
            return replay::replay(&body, sink).ok_or_else(garbage);
        }
        if let Some(model) = facts.model {
            sink.observe(Seen::Model(model));
        }
        if let Some(reason) = facts.finish {
            sink.observe(Seen::Finish(reason));
        }
        sink.observe(Seen::Text(facts.text_bytes));
        sink.forward(body);
        sink.end();
        Ok(())
    }

    fn error(&self, status: StatusCode, body: &[u8]) -> ApiError {
        error::from_status(status, body, &self.scrub)
    }
}

fn garbage() -> ApiError {
    ApiError::upstream_error("The upstream provider's answer is not a chat completion.")
}

impl From<EventTooLong> for ApiError {
    fn from(_: EventTooLong) -> Self {
        Self::upstream_too_large()
    }
}
