//! One scripted answer: what it says, and how badly it travels.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::Chunking;
use super::protocol::Refusal;

/// An answer for a [`Mock`](super::Mock) to give: what it holds, and how it travels.
///
/// The first group of functions makes one; the others change how it goes out, and combine freely.
///
/// ```
/// use std::time::Duration;
/// use tower_completions::mock::{Answer, Chunking};
///
/// // The head after a second, one byte at a time, and the connection breaks after 100 bytes.
/// let answer = Answer::text("A long story").delay_head(Duration::from_secs(1)).chunked(Chunking::Bytes(1)).cut_after(100);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Answer {
    pub(super) kind: Kind,
    pub(super) headers: Vec<(String, String)>,
    pub(super) usage: Option<(u64, u64)>,
    pub(super) delay_head: Duration,
    pub(super) delay_frames: Duration,
    pub(super) chunking: Option<Chunking>,
    pub(super) fault: Option<Fault>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Echo,
    Text(String),
    ToolCall { name: String, arguments: Value },
    Refusal(Refusal),
    Raw { status: u16, content_type: Option<String>, body: Bytes },
    Fail(io::ErrorKind),
}

/// How a body ends before its time, after so many bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Cut(usize),
    End(usize),
    Stall(usize),
}

/// What is said in the protocol of the mock: a whole answer, or a stream if the request asks for one.
impl Answer {
    /// What the mock says without a script: it repeats the user, or calls the tool or fills in the schema that is asked for.
    pub fn echo() -> Self {
        Self::new(Kind::Echo)
    }

    /// This text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Kind::Text(text.into()))
    }

    /// One tool call. `arguments` should be an object.
    pub fn tool_call(name: impl Into<String>, arguments: Value) -> Self {
        Self::new(Kind::ToolCall { name: name.into(), arguments })
    }

    /// The provider's own error object for this status.
    pub fn error(status: u16) -> Self {
        Self::refusal(Refusal::new(status, format!("This is a mock error with the status {status}.")))
    }

    pub(super) fn refusal(refusal: Refusal) -> Self {
        Self::new(Kind::Refusal(refusal))
    }

    /// Reports these token counts instead of one for every four bytes.
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        self.usage = Some((input, output));
        self
    }
}

/// What is said word for word, whatever the request was.
impl Answer {
    /// A status and JSON: a `serde_json::Value`, or text that goes out as it stands, valid or not.
    pub fn json(status: u16, body: impl Display) -> Self {
        Self::raw(status, "application/json", body.to_string())
    }

    /// A 200 with server-sent events, one frame for each. No content length is announced.
    pub fn sse(body: impl Into<Bytes>) -> Self {
        Self::raw(200, "text/event-stream", body)
    }

    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self::new(Kind::Raw { status, content_type: None, body: Bytes::new() })
    }

    /// Any status, content type and bytes.
    pub fn raw(status: u16, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Kind::Raw { status, content_type: Some(content_type.into()), body: body.into() })
    }

    /// No answer at all. In process the error is "connection refused"; a listener closes the connection without a byte.
    pub fn refuse() -> Self {
        Self::fail(io::ErrorKind::ConnectionRefused)
    }

    /// Like [`refuse`](Self::refuse), with another kind of error in process.
    pub fn fail(kind: io::ErrorKind) -> Self {
        Self::new(Kind::Fail(kind))
    }
}

/// How it travels.
impl Answer {
    /// Adds a header. It takes the place of one that the mock would have set itself; several of one name all go out.
    ///
    /// A name or value that HTTP does not allow makes the request fail with `InvalidInput`, as does an impossible status.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Waits before the head. `Duration::MAX` is forever.
    pub fn delay_head(mut self, delay: Duration) -> Self {
        self.delay_head = delay;
        self
    }

    /// Waits before each frame of the body.
    pub fn delay_frames(mut self, delay: Duration) -> Self {
        self.delay_frames = delay;
        self
    }

    /// Cuts the body into frames. Without this, the events of a stream are one frame each and all else is one frame.
    pub fn chunked(mut self, chunking: Chunking) -> Self {
        self.chunking = Some(chunking);
        self
    }

    /// Breaks the connection after so many bytes of the body, or at its end if it is shorter.
    ///
    /// The length of the whole is announced, if it would have been. The last of the three faults that is named counts.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.fault = Some(Fault::Cut(bytes));
        self
    }

    /// Ends the body in order after so many bytes. No length is announced.
    pub fn end_after(mut self, bytes: usize) -> Self {
        self.fault = Some(Fault::End(bytes));
        self
    }

    /// Sends nothing more after so many bytes of the body, and never ends it.
    ///
    /// The length of the whole is announced, if it would have been.
    pub fn stall_after(mut self, bytes: usize) -> Self {
        self.fault = Some(Fault::Stall(bytes));
        self
    }
}

impl Answer {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            headers: Vec::new(),
            usage: None,
            delay_head: Duration::ZERO,
            delay_frames: Duration::ZERO,
            chunking: None,
            fault: None,
        }
    }
}
