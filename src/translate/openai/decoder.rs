//! Reads an OpenAI-shaped answer in passing.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;

use super::{error, replay};
use crate::chat::Sink;
use crate::chat::facts::Facts;
use crate::chat::sse::{self, Block, EventTooLong, Scanner};
use crate::chat::watch::{Notice, Watch};
use crate::error::ApiError;
use crate::translate::dialect::Decode;
use crate::translate::scrub::Scrub;

/// Forwards an answer as it is, except for the usage chunk that only we asked for.
pub struct OpenAiDecoder {
    streaming: bool,
    scanner: Scanner,
    reader: Reader,
}

/// Reads the events of a stream.
struct Reader {
    show_usage: bool,
    scrub: Scrub,
    /// What came before the first event: comments must not count as the start of an answer.
    preamble: Vec<u8>,
    started: bool,
    watch: Watch,
}

/// What becomes of a block.
#[derive(PartialEq)]
enum Verdict {
    Show,
    Hide,
}

impl OpenAiDecoder {
    pub(super) fn new(streaming: bool, show_usage: bool, scrub: Scrub) -> Self {
        Self {
            streaming,
            reader: Reader { show_usage, scrub, preamble: Vec::new(), started: false, watch: Watch::default() },
            scanner: Scanner::default(),
        }
    }
}

impl Reader {
    /// Keeps a comment back until the answer begins.
    fn keep(&mut self, block: &Block<'_>) -> Result<(), EventTooLong> {
        self.preamble.extend_from_slice(block.raw);
        if self.preamble.len() > sse::MAX_EVENT { Err(EventTooLong) } else { Ok(()) }
    }

    fn release(&mut self, sink: &mut impl Sink) {
        if !self.preamble.is_empty() {
            sink.forward(std::mem::take(&mut self.preamble).into());
        }
    }

    /// Whether the answer has begun and ended.
    fn is_over(&self) -> bool {
        self.started && self.watch.is_done()
    }

    fn judge(&mut self, block: &Block<'_>, sink: &mut impl Sink) -> Result<Verdict, ApiError> {
        let Some(data) = block.data() else { return Ok(Verdict::Show) };
        let notice = match self.watch.event(&data, |seen| sink.observe(seen)) {
            Ok(notice) => notice,
            // An event of another name may hold anything.
            Err(_) if block.name().is_some_and(|name| !matches!(name, b"message" | b"error")) => Notice::Empty,
            Err(_) => return Err(garbage()),
        };
        match notice {
            Notice::Error(error) => Err(error::from_event(error, &self.scrub)),
            Notice::Done if !self.started => Err(garbage()),
            // The SDKs would want JSON in it.
            Notice::Empty => Ok(Verdict::Hide),
            Notice::Usage if !self.show_usage => Ok(Verdict::Hide),
            Notice::Done | Notice::Usage | Notice::Chunk => {
                self.started = true;
                Ok(Verdict::Show)
            }
        }
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
        let Self { scanner, reader, .. } = self;
        let mut run = Run { bytes: &bytes, from: 0, to: 0 };
        let fed = scanner.feed(&bytes, |block| {
            if reader.is_over() {
                return Ok(());
            }
            let verdict = reader.judge(&block, sink)?;
            if verdict == Verdict::Hide {
                run.skip(block.end, sink);
            } else if !reader.started {
                reader.keep(&block)?;
                run.skip(block.end, sink);
            } else {
                reader.release(sink);
                run.show(&block, sink);
            }
            Ok(())
        });
        run.flush(sink);
        if reader.is_over() {
            sink.end();
        }
        fed
    }

    fn end(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Self { scanner, reader, .. } = self;
        let last = scanner.finish(|block| {
            let verdict = reader.judge(&block, sink)?;
            if verdict == Verdict::Show && !reader.is_over() && block.data().is_some() {
                sink.forward([block.raw.trim_ascii_end(), b"\n\n"].concat().into());
            }
            Ok::<(), ApiError>(())
        });
        last.transpose()?;
        if !reader.watch.is_finished() {
            return Err(ApiError::upstream_broke_off());
        }
        sink.forward(Bytes::from_static(sse::DONE));
        sink.end();
        Ok(())
    }

    fn whole(&mut self, body: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        let facts = Facts::read(&body).map_err(|_| garbage())?;
        if let Some(error) = facts.error {
            return Err(error::from_answer(error, &self.reader.scrub));
        }
        if facts.choices.unwrap_or(0) == 0 {
            return Err(garbage());
        }
        if self.streaming {
            if let Some(usage) = facts.usage {
                sink.usage(usage);
            }
            return replay::replay(&body, sink).ok_or_else(garbage);
        }
        facts.tell(|seen| sink.observe(seen));
        sink.forward(body);
        sink.end();
        Ok(())
    }

    fn error(&self, status: StatusCode, body: &[u8]) -> ApiError {
        error::from_status(status, body, &self.reader.scrub)
    }
}

/// What has been read is not printed: it is the answer.
impl fmt::Debug for OpenAiDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiDecoder").field("streaming", &self.streaming).finish_non_exhaustive()
    }
}

fn garbage() -> ApiError {
    ApiError::upstream_error("The upstream provider's answer is not a chat completion.")
}
