//! What holds for the answers of every dialect that translates.

use http::StatusCode;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tower_completions::ChatRequest;
use tower_completions::translate::Decode;

use super::fold::{canonical, fold};
use super::told::{Copied, Told, decoder, streamed, whole, whole_as_stream};

/// Any cut of a stream says the same, in events that a client can read.
pub(super) fn stream<D: Copied>(
    dialect: &'static D,
    chat: &'static ChatRequest,
    data: &[u8],
    pieces: &[&[u8]],
) -> Told {
    let told = streamed(dialect, chat, &[data]);
    assert_eq!(streamed(dialect, chat, pieces), told);
    let (_, end) = fold(told.text());
    assert_eq!(end == json!("[DONE]"), told.error.is_none() && !told.out.is_empty(), "{told:?}");
    assert_eq!(told.seen.complete, told.error.is_none());
    told
}

/// A whole answer is one message, or the same message in chunks.
pub(super) fn body<D: Copied>(dialect: &'static D, chat: &'static ChatRequest, data: &[u8]) -> Told {
    let told = whole(dialect, chat, data);
    let chunks = whole_as_stream(dialect, chat, data);
    assert_eq!(told.error, chunks.error);
    if told.error.is_none() {
        let message: Value = serde_json::from_str(told.text()).unwrap();
        assert_eq!(message["object"], "chat.completion");
        same(chat, &message, &chunks);
        assert_eq!(told.seen, chunks.seen);
    }
    told
}

/// A message and a stream are one answer.
pub(super) fn same(chat: &ChatRequest, message: &Value, stream: &Told) {
    let (mut folded, end) = fold(stream.text());
    let mut whole = canonical(message);
    assert_eq!(end, json!("[DONE]"));
    if !chat.include_usage() {
        (folded["usage"], whole["usage"]) = (Value::Null, Value::Null);
    }
    assert_eq!(folded, whole);
}

/// An error status never shows the key, whatever the body says. `which` of the statuses it is.
pub(super) fn error<D: Copied>(dialect: &'static D, chat: &'static ChatRequest, data: &[u8], which: u16) {
    const STATUSES: [u16; 6] = [400, 401, 404, 429, 500, 529];
    let status = STATUSES[usize::from(which) % STATUSES.len()];
    let error = decoder(dialect, chat).error(StatusCode::from_u16(status).unwrap(), data);
    let told = error.to_json();
    let _: &RawValue = serde_json::from_slice(&told).unwrap();
    assert!(error.status().as_u16() >= 400 && !String::from_utf8_lossy(&told).contains(crate::KEY));
}
