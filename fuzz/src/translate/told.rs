//! What a client gets for an answer.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;

use bytes::Bytes;
use tower_completions::chat::{AnswerHead, ChunkWriter, MessageWriter};
use tower_completions::translate::{Decode, Dialect};
use tower_completions::{ApiError, ChatRequest, UsageCell};

use super::Seen;

/// What a client gets, and what the layers outside see.
#[derive(PartialEq)]
pub(crate) struct Told {
    pub(super) out: Vec<u8>,
    pub(super) error: Option<(u16, String)>,
    pub(super) seen: Seen,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", String::from_utf8_lossy(&self.out))?;
        write!(f, "{:?} {:?}", self.error, self.seen)
    }
}

impl Told {
    /// What the dialects that translate write is text.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }
}

fn head() -> AnswerHead {
    AnswerHead::new(1, || "made-up".to_owned())
}

/// A dialect whose decoders can be copied.
pub(crate) trait Copied: Dialect<Decoder: Clone> + 'static {}

impl<D: Dialect<Decoder: Clone> + 'static> Copied for D {}

/// A decoder that has read nothing. There are few requests and few dialects: each request is said once in each, because
/// that costs more than reading a short answer.
pub(super) fn decoder<D: Copied>(dialect: &'static D, chat: &'static ChatRequest) -> D::Decoder {
    type Primed = HashMap<(*const (), *const ()), Box<dyn Any>>;
    thread_local!(static PRIMED: RefCell<Primed> = RefCell::default());
    let which = (std::ptr::from_ref(dialect).cast(), std::ptr::from_ref(chat).cast());
    PRIMED.with_borrow_mut(|primed| {
        let decoder = primed.entry(which).or_insert_with(|| {
            let Ok((_, decoder)) = dialect.encode(chat) else { panic!("the requests can be said in every dialect") };
            Box::new(decoder)
        });
        decoder.downcast_ref::<D::Decoder>().unwrap().clone()
    })
}

/// The events for a stream in these pieces; an error is not among them.
pub(crate) fn streamed<D: Copied>(dialect: &'static D, chat: &'static ChatRequest, pieces: &[&[u8]]) -> Told {
    let mut decoder = decoder(dialect, chat);
    chunks(chat, |writer| {
        for piece in pieces {
            decoder.stream(Bytes::copy_from_slice(piece), writer)?;
        }
        if writer.is_ended() { Ok(()) } else { decoder.end(writer) }
    })
}

/// The events for a whole answer, although a stream was asked for.
pub(super) fn whole_as_stream<D: Copied>(dialect: &'static D, chat: &'static ChatRequest, body: &[u8]) -> Told {
    let mut decoder = decoder(dialect, chat);
    chunks(chat, |writer| decoder.whole(Bytes::copy_from_slice(body), writer))
}

fn chunks(chat: &ChatRequest, tell: impl FnOnce(&mut ChunkWriter) -> Result<(), ApiError>) -> Told {
    let cell = UsageCell::new();
    let mut writer = ChunkWriter::new(head(), cell.clone(), chat.include_usage());
    let result = tell(&mut writer);
    let mut out = Vec::new();
    while let Some(frame) = writer.take() {
        out.extend_from_slice(&frame);
    }
    assert_eq!(result.is_ok(), writer.is_ended(), "the end is said by who succeeds, and by nobody else");
    told(out, result.err(), &cell)
}

/// The one message for a whole answer.
pub(crate) fn whole<D: Copied>(dialect: &'static D, chat: &'static ChatRequest, body: &[u8]) -> Told {
    let cell = UsageCell::new();
    let mut writer = MessageWriter::new(head(), cell.clone());
    let result = decoder(dialect, chat).whole(Bytes::copy_from_slice(body), &mut writer);
    let out = if result.is_ok() { writer.take().unwrap().to_vec() } else { Vec::new() };
    told(out, result.err(), &cell)
}

/// Ids of calls that are made up are random; here they are all the same.
pub(super) fn without_random_ids(mut out: Vec<u8>) -> Vec<u8> {
    const BEGIN: &[u8] = b"\"call_";
    let mut from = 0;
    while let Some(found) = out[from..].windows(BEGIN.len()).position(|window| window == BEGIN) {
        from += found + BEGIN.len();
        let digits = out[from..].iter().take(32).take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits == 32 {
            out[from..from + digits].fill(b'0');
        }
    }
    out
}

fn told(out: Vec<u8>, error: Option<ApiError>, cell: &UsageCell) -> Told {
    let error = error.map(|error| {
        let _: &serde_json::value::RawValue = serde_json::from_slice(&error.to_json()).unwrap();
        let told = String::from_utf8(error.to_event().to_vec()).unwrap();
        assert!(!told.contains(crate::KEY), "{told}");
        (error.status().as_u16(), told)
    });
    let out = without_random_ids(out);
    Told { out, error, seen: Seen::of(cell) }
}
