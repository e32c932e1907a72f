//! Reads an OpenAI-shaped answer in passing.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;

use super::repair::Mender;
use super::repairs::Repairs;
use super::{error, replay};
use crate::chat::facts::Facts;
use crate::chat::sse::{self, Block, EventTooLong, Scanner};
use crate::chat::watch::{Notice, Watch};
use crate::chat::{Seen, Sink};
use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::dialect::Decode;
use crate::translate::scrub::Scrub;

/// Forwards an answer as it is, except for the usage chunk that only we asked for; or mends it, where a profile says how.
#[derive(Clone)]
pub struct OpenAiDecoder {
    streaming: bool,
    scanner: Scanner,
    reader: Reader,
}

/// Reads the events of a stream.
#[derive(Clone)]
struct Reader {
    show_usage: bool,
    scrub: Scrub,
    /// What came before the first event: comments must not count as the start of an answer.
    preamble: Vec<u8>,
    started: bool,
    has_text: bool,
    watch: Watch,
    /// Writes the answer anew, where a profile asks for it.
    mender: Option<Box<Mender>>,
    /// What it has written and is to go out.
    mended: Vec<u8>,
    quoted_errors: bool,
}

/// What becomes of a block.
#[derive(PartialEq)]
enum Verdict {
    Show,
    Hide,
    /// Something else is shown in its place: it has been written already.
    Mended,
}

impl OpenAiDecoder {
    pub(super) fn new(streaming: bool, show_usage: bool, scrub: Scrub) -> Self {
        Self {
            streaming,
            reader: Reader {
                show_usage,
                scrub,
                preamble: Vec::new(),
                started: false,
                has_text: false,
                watch: Watch::default(),
                mender: None,
                mended: Vec::new(),
                quoted_errors: false,
            },
            scanner: Scanner::default(),
        }
    }

    /// The same for an answer that is mended. `asked` is what the client called the model.
    pub(super) fn mended(mut self, repairs: Repairs, asked: &str) -> Self {
        self.reader.quoted_errors = repairs.quoted_errors;
        if repairs.any() {
            self.reader.mender = Some(Box::new(Mender::new(repairs, self.reader.show_usage, asked)));
        }
        self
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

    /// Hands on what has been mended.
    fn flush(&mut self, sink: &mut impl Sink) {
        if !self.mended.is_empty() {
            sink.forward(std::mem::take(&mut self.mended).into());
        }
    }

    /// Whether the answer has begun and ended.
    fn is_over(&self) -> bool {
        self.started && self.watch.is_done()
    }

    fn judge(&mut self, block: &Block<'_>, sink: &mut impl Sink) -> Result<Verdict, ApiError> {
        let Some(data) = block.data() else { return Ok(Verdict::Show) };
        let has_text = &mut self.has_text;
        let see = |seen: Seen<'_>| {
            *has_text |= matches!(seen, Seen::Text(_));
            sink.observe(seen);
        };
        let notice = match self.watch.event(&data, see) {
            Ok(notice) => notice,
            // An event of another name may hold anything.
            Err(_) if block.name().is_some_and(|name| !matches!(name, b"message" | b"error")) => Notice::Empty,
            Err(_) => return Err(garbage()),
        };
        match notice {
            Notice::Error(error) if self.quoted_errors => Err(error::quoted(error, &self.scrub)),
            Notice::Error(error) => Err(error::from_event(error, &self.scrub)),
            Notice::Done if !self.started => Err(garbage()),
            // The SDKs would want JSON in it.
            Notice::Empty => Ok(Verdict::Hide),
            notice if self.mender.is_some() => self.mend(notice, &data),
            Notice::Usage if !self.show_usage => Ok(Verdict::Hide),
            Notice::Done | Notice::Usage | Notice::Chunk | Notice::Again(_) => {
                self.started = true;
                Ok(Verdict::Show)
            }
        }
    }
}

impl Reader {
    fn mend(&mut self, notice: Notice<'_>, data: &[u8]) -> Result<Verdict, ApiError> {
        let Some(mender) = &mut self.mender else { return Ok(Verdict::Show) };
        let out = &mut self.mended;
        let before = out.len();
        match notice {
            Notice::Done => {
                mender.end(out);
                out.extend_from_slice(sse::DONE);
            }
            Notice::Usage if !self.show_usage => {}
            Notice::Again(found) if mender.again(&found, out) => {}
            _ => {
                mender.chunk(Raw::from_bytes(data).map_err(|_| garbage())?, out);
                if let Some(error) = mender.failure(self.has_text) {
                    out.truncate(before);
                    return Err(error);
                }
                if let Some(template) = self.watch.learned() {
                    mender.learn(template);
                }
            }
        }
        if out.len() == before {
            return Ok(Verdict::Hide);
        }
        self.started = true;
        Ok(Verdict::Mended)
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

impl OpenAiDecoder {
    fn mended_whole(&mut self, body: Bytes, has_text: bool) -> Result<Bytes, ApiError> {
        let Some(mender) = &mut self.reader.mender else { return Ok(body) };
        let mended = mender.whole(Raw::from_bytes(&body).map_err(|_| garbage())?);
        mender.failure(has_text).map_or(Ok(mended.into()), Err)
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
            match reader.judge(&block, sink)? {
                Verdict::Hide => run.skip(block.end, sink),
                Verdict::Mended => {
                    run.skip(block.end, sink);
                    reader.release(sink);
                }
                Verdict::Show if !reader.started => {
                    reader.keep(&block)?;
                    run.skip(block.end, sink);
                }
                Verdict::Show => {
                    reader.flush(sink);
                    reader.release(sink);
                    run.show(&block, sink);
                }
            }
            Ok(())
        });
        run.flush(sink);
        reader.flush(sink);
        if reader.is_over() {
            sink.end();
        }
        fed
    }

    fn end(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Self { scanner, reader, .. } = self;
        let last = scanner.finish(|block| {
            let verdict = reader.judge(&block, sink)?;
            if verdict != Verdict::Show || reader.is_over() {
                return Ok(());
            }
            if block.data().is_some() {
                sink.forward([block.raw.trim_ascii_end(), b"\n\n"].concat().into());
            } else if !reader.started {
                reader.keep(&block)?;
            }
            Ok::<(), ApiError>(())
        });
        last.transpose()?;
        // An answer, or an error, that is no stream, whatever the headers say.
        if !reader.started && reader.preamble.trim_ascii_start().starts_with(b"{") {
            let body = std::mem::take(&mut reader.preamble);
            return self.whole(body.into(), sink);
        }
        if !reader.watch.is_finished() {
            // What was counted is delivered, too.
            reader.flush(sink);
            return Err(ApiError::upstream_broke_off());
        }
        match &mut reader.mender {
            // A last `[DONE]` has been mended already, with what comes before it.
            Some(_) if reader.watch.is_done() => {}
            Some(mender) => mender.end(&mut reader.mended),
            None => {}
        }
        if !reader.mended.ends_with(sse::DONE) {
            reader.mended.extend_from_slice(sse::DONE);
        }
        reader.flush(sink);
        sink.end();
        Ok(())
    }

    fn whole(&mut self, body: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        // A stream that calls itself JSON.
        if self.streaming && !body.trim_ascii_start().starts_with(b"{") {
            self.stream(body, sink)?;
            return if self.reader.is_over() { Ok(()) } else { self.end(sink) };
        }
        let facts = Facts::read(&body).map_err(|_| garbage())?;
        if let Some(error) = facts.error {
            return Err(error::from_answer(error, &self.reader.scrub));
        }
        if facts.choices.unwrap_or(0) == 0 {
            return Err(garbage());
        }
        let has_text = facts.text_bytes > 0;
        if self.streaming {
            if let Some(usage) = facts.usage {
                sink.usage(usage);
            }
            return replay::replay(&self.mended_whole(body, has_text)?, sink).ok_or_else(garbage);
        }
        facts.tell(|seen| sink.observe(seen));
        sink.forward(self.mended_whole(body, has_text)?);
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
