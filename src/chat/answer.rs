//! What both writers write alike.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::BufMut;

use super::sink::{Citation, Reasoning, ReasoningPiece, Seen};
use crate::json::{Text, write_str, write_u64};
use crate::usage::{Observed, UsageCell};

/// How long a provider's id or name of the model may be, in bytes: every chunk of an answer repeats them.
const MAX_NAME: usize = 1024;

/// What an answer begins with, apart from what the provider says.
#[derive(Clone, Copy, Debug)]
pub struct AnswerHead {
    created: u64,
    make_id: fn() -> String,
}

impl AnswerHead {
    /// How every choice of a chunk begins. There is one choice: `n` > 1 is refused where it cannot be passed on.
    pub(super) const CHOICE: &[u8] = br#""choices":[{"index":0,"delta":"#;

    /// The head of an answer made at this time, in seconds since 1970. `make_id` is asked for an id if the provider gives none.
    pub fn new(created: u64, make_id: fn() -> String) -> Self {
        Self { created, make_id }
    }

    /// The head of an answer that begins now, with a random id if the provider gives none.
    pub fn now() -> Self {
        Self::at(SystemTime::now())
    }

    /// The head of an answer that begins at this time, with a random id if the provider gives none.
    pub fn at(time: SystemTime) -> Self {
        Self::new(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(), random_id)
    }

    /// Appends `{"id":…,"object":…,"created":…,"model":…,`. What is too long for an id or a name is none.
    pub(super) fn write(&self, out: &mut Vec<u8>, id: Text<'_>, model: Text<'_>, object: &str) {
        let [id, model] = [id, model].map(|text| if text.len() > MAX_NAME { Text::plain("") } else { text });
        out.extend_from_slice(br#"{"id":"#);
        if id.is_empty() {
            write_str(out, &(self.make_id)());
        } else {
            id.write_quoted(out);
        }
        out.extend_from_slice(br#","object":"#);
        write_str(out, object);
        out.extend_from_slice(br#","created":"#);
        write_u64(out, self.created);
        out.extend_from_slice(br#","model":"#);
        model.write_quoted(out);
        out.extend_from_slice(b",");
    }
}

fn random_id() -> String {
    random("chatcmpl-")
}

/// A random id. `RandomState` brings fresh randomness with every call.
pub(crate) fn random(prefix: &str) -> String {
    let random = || RandomState::new().hash_one(0_u8);
    format!("{prefix}{:016x}{:016x}", random(), random())
}

/// Goes on with a list, if it has an entry already.
pub(super) fn comma(list: &mut Vec<u8>) {
    if !list.is_empty() {
        list.push(b',');
    }
}

/// A `delta` of one piece.
pub(super) enum Delta<'a> {
    Content(Text<'a>),
    Refusal(Text<'a>),
    Reasoning { piece: Reasoning<'a>, is_first: bool },
}

impl Delta<'_> {
    pub(super) fn write(self, out: &mut impl BufMut) {
        match self {
            Self::Content(text) => {
                out.put_slice(br#"{"content":"#);
                text.write_quoted(out);
            }
            Self::Refusal(text) => {
                out.put_slice(br#"{"refusal":"#);
                text.write_quoted(out);
            }
            Self::Reasoning { piece: reasoning, is_first } => {
                out.put_slice(b"{");
                if let ReasoningPiece::Text(text) = reasoning.piece {
                    out.put_slice(br#""reasoning_content":"#);
                    text.write_quoted(out);
                    out.put_slice(b",");
                }
                out.put_slice(br#""reasoning_details":["#);
                write_detail(out, &reasoning, is_first);
                out.put_slice(b"]");
            }
        }
        out.put_slice(b"}");
    }
}

/// One entry of `reasoning_details`, or a later piece of it: the SDKs join the strings of all pieces, so that what is the
/// same for the whole entry may only be in the first.
pub(super) fn write_detail(out: &mut impl BufMut, reasoning: &Reasoning<'_>, is_first: bool) {
    let (head, text): (&[u8], _) = match reasoning.piece {
        ReasoningPiece::Text(text) => (br#"{"type":"reasoning.text","text":"#, text),
        ReasoningPiece::Signature(text) => (br#"{"type":"reasoning.text","signature":"#, text),
        ReasoningPiece::Encrypted(text) => (br#"{"type":"reasoning.encrypted","data":"#, text),
    };
    out.put_slice(head);
    text.write_quoted(out);
    write_detail_tail(out, is_first.then_some(reasoning.format), reasoning.index);
}

/// The end of an entry of `reasoning_details`.
pub(super) fn write_detail_tail(out: &mut impl BufMut, format: Option<&str>, index: u32) {
    if let Some(format) = format {
        out.put_slice(br#","format":"#);
        write_str(out, format);
    }
    out.put_slice(br#","index":"#);
    write_u64(out, index.into());
    out.put_slice(b"}");
}

/// `service_tier`, as a field that follows another. Of several the last one counts.
pub(super) fn write_tier(out: &mut Vec<u8>, tier: Text<'_>) {
    out.clear();
    out.extend_from_slice(br#","service_tier":"#);
    tier.write_quoted(out);
}

/// The signature of a tool call, as a field that follows another. Of several the last one counts.
pub(super) fn write_signature(out: &mut Vec<u8>, signature: Text<'_>) {
    out.clear();
    out.extend_from_slice(br#","extra_content":{"google":{"thought_signature":"#);
    signature.write_quoted(out);
    out.extend_from_slice(b"}}");
}

/// One entry of `annotations`.
pub(super) fn write_citation(out: &mut impl BufMut, citation: &Citation<'_>) {
    out.put_slice(br#"{"type":"url_citation","url_citation":{"start_index":"#);
    write_u64(out, citation.start);
    out.put_slice(br#","end_index":"#);
    write_u64(out, citation.end);
    out.put_slice(br#","title":"#);
    citation.title.write_quoted(out);
    out.put_slice(br#","url":"#);
    citation.url.write_quoted(out);
    out.put_slice(b"}}");
}

impl Seen<'_> {
    pub(super) fn record(self, cell: &UsageCell) {
        match self {
            Self::Text(bytes) => cell.add_text(bytes),
            once => cell.record(|seen| once.note(seen)),
        }
    }

    /// What an answer says once, and not with each of its events.
    #[inline(never)]
    fn note(self, seen: &mut Observed) {
        match self {
            Self::Model(model) => seen.model = Some(model.to_str().into_owned()),
            Self::Finish(reason) => seen.finish_reason = Some(reason.to_str().into_owned()),
            Self::Usage(usage) => seen.usage = Some(usage),
            Self::Text(_) => {} // counted without the lock
        }
    }
}
