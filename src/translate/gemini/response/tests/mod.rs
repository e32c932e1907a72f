//! Tests of the reader as a whole: bytes of the provider in, bytes of the client out.

mod golden;
mod property;
mod shapes;
mod split;

use bytes::Bytes;

use super::GeminiDecoder;
use crate::chat::{AnswerHead, ChunkWriter, MessageWriter};
use crate::error::ApiError;
use crate::translate::Decode;
use crate::translate::decode::Primed;
use crate::translate::scrub::Scrub;
use crate::usage::UsageCell;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/gemini");

fn primed() -> Primed {
    Primed { custom_tools: vec!["patch".to_owned()], structured_tool: None }
}

fn head() -> AnswerHead {
    AnswerHead::new(1_700_000_000, || "chatcmpl-1".to_owned())
}

/// The events that a client gets for a stream in these pieces; an error is the last of them.
fn streamed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, show_usage: bool) -> (String, Option<ApiError>) {
    let mut decoder = GeminiDecoder::new(primed(), Scrub::default());
    let mut writer = ChunkWriter::new(head(), UsageCell::new(), show_usage);
    let mut result = Ok(());
    for piece in pieces {
        result = result.and_then(|()| decoder.stream(Bytes::copy_from_slice(piece), &mut writer));
    }
    if !writer.is_ended() {
        result = result.and_then(|()| decoder.end(&mut writer));
    }
    let mut out = Vec::new();
    while let Some(frame) = writer.take() {
        out.extend_from_slice(&frame);
    }
    if let Err(error) = &result {
        out.extend_from_slice(&error.to_event());
    }
    (named(&String::from_utf8(out).unwrap()), result.err())
}

/// The whole answer that a client gets.
fn whole(body: &str) -> Result<String, ApiError> {
    let mut decoder = GeminiDecoder::new(primed(), Scrub::default());
    let mut writer = MessageWriter::new(head(), UsageCell::new());
    decoder.whole(Bytes::copy_from_slice(body.as_bytes()), &mut writer)?;
    Ok(named(std::str::from_utf8(&writer.take().unwrap()).unwrap()))
}

/// The same text with `<generated-N>` for the made-up ids of calls, as the golden files have it.
fn named(text: &str) -> String {
    let mut pieces = text.split("\"call_");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for (at, piece) in (1..).zip(pieces) {
        let (_, rest) = piece.split_once('"').unwrap();
        out += &format!("\"<generated-{at}>\"{rest}");
    }
    out
}
