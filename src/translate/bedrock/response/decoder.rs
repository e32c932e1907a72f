//! The reader of one answer.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::again::Again;
use super::answer::Answer;
use super::block::Content;
use super::error;
use crate::chat::Sink;
use crate::error::ApiError;
use crate::json::{Kind as Json, Raw};
use crate::translate::bedrock::event_stream::{Frame, Kind, Reader};
use crate::translate::decode::{Primed, Unreadable};
use crate::translate::dialect::Decode;
use crate::translate::scrub::Scrub;

/// Reads an answer of Bedrock's Converse or ConverseStream.
#[derive(Clone)]
pub struct BedrockDecoder {
    reader: Reader,
    answer: Answer,
    again: Again,
    scrub: Scrub,
    /// `x-amzn-errortype`.
    error_type: Option<String>,
    ended: bool,
}

impl BedrockDecoder {
    /// A reader that knows this of the request, and takes these secrets out of what it quotes.
    pub(in crate::translate::bedrock) fn new(answer: Known<'_>, max_frame: usize, scrub: Scrub) -> Self {
        Self {
            reader: Reader::new(max_frame),
            answer: Answer::new(answer.primed, answer.model, answer.is_claude),
            again: Again::default(),
            scrub,
            error_type: None,
            ended: false,
        }
    }
}

/// What is known of an answer before it comes.
pub(in crate::translate::bedrock) struct Known<'a> {
    pub(in crate::translate::bedrock) primed: Primed,
    /// What the answer calls the model.
    pub(in crate::translate::bedrock) model: &'a str,
    /// Whether signed reasoning is Claude's.
    pub(in crate::translate::bedrock) is_claude: bool,
}

/// What has been read is not printed: it is the answer.
impl fmt::Debug for BedrockDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BedrockDecoder").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Decode for BedrockDecoder {
    fn head(&mut self, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(id) = text("x-amzn-requestid") {
            self.answer.request_id(id);
        }
        self.error_type = text("x-amzn-errortype").map(str::to_owned);
    }

    fn stream(&mut self, bytes: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Self { reader, answer, again, scrub, .. } = self;
        reader.feed(&bytes, |frame| match frame {
            Frame { kind: Kind::Event("contentBlockDelta"), payload } => piece(answer, again, payload, sink),
            Frame { kind: Kind::Event(kind), payload } => event(answer, kind, payload, sink),
            Frame { kind: Kind::Exception(kind) | Kind::Error(kind), payload } => {
                Err(error::from_frame(kind, payload, scrub))
            }
        })
    }

    /// The end of the stream is the one sure sign that neither `messageStop` nor `metadata` will follow.
    fn end(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        if !self.reader.is_between_frames() {
            return Err(ApiError::upstream_broke_off());
        }
        self.answer.finish(sink)
    }

    fn whole(&mut self, body: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        let body = Raw::from_bytes(&body).map_err(Unreadable::from)?;
        let content = body.get("output").and_then(|output| output.get("message")?.get("content"));
        let Some(content) = content.filter(|content| content.kind() == Json::Array) else {
            return Err(error::not_an_answer(body, &self.scrub));
        };
        self.answer.start(sink);
        for (index, block) in (0..).zip(content.elements()) {
            self.answer.piece(index, block, sink)?;
            self.answer.end_block(index, sink)?;
        }
        self.answer.stop(body.get("stopReason"))?;
        self.answer.metadata(body, sink);
        self.ended = true;
        self.answer.finish(sink)
    }

    fn error(&self, status: StatusCode, body: &[u8]) -> ApiError {
        error::from_status(status, self.error_type.as_deref(), body, &self.scrub)
    }
}

/// A piece of a block.
fn piece(answer: &mut Answer, again: &mut Again, payload: &[u8], sink: &mut impl Sink) -> Result<(), ApiError> {
    if let Some((index, content)) = again.recognise(payload) {
        return answer.content(index, content, sink);
    }
    let raw = Raw::from_bytes(payload).map_err(Unreadable::from)?;
    let index = raw.get("contentBlockIndex").and_then(Raw::as_u64).ok_or(Unreadable)?;
    let content = Content::read(raw.get("delta").ok_or(Unreadable)?)?;
    again.learn(payload, raw, index, &content);
    answer.content(index, content, sink)
}

/// Another event. What is unknown is passed over: `p` in every payload is padding.
fn event(answer: &mut Answer, kind: &str, payload: &[u8], sink: &mut impl Sink) -> Result<(), ApiError> {
    let payload = Raw::from_bytes(payload).map_err(Unreadable::from)?;
    let index = || payload.get("contentBlockIndex").and_then(Raw::as_u64).ok_or(Unreadable);
    match kind {
        "contentBlockStart" => match payload.get("start").filter(|start| !start.is_null()) {
            Some(start) => answer.begin(index()?, start, sink),
            None => Ok(()),
        },
        "contentBlockStop" => answer.end_block(index()?, sink),
        "messageStart" => {
            answer.start(sink);
            Ok(())
        }
        "messageStop" => Ok(answer.stop(payload.get("stopReason"))?),
        "metadata" => {
            answer.metadata(payload, sink);
            Ok(())
        }
        _ => Ok(()),
    }
}
