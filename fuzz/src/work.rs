//! The library's part of each target, without the checks: what it costs is the library's.

use tower_completions::ChatRequest;
use tower_completions::chat::sse::{EventTooLong, Scanner};
use tower_completions::translate::Dialect;

use crate::translate::{Copied, framed, streamed, whole};
use crate::{Input, Target, requests, tap};

/// What is measured: a name, and work on an input whose first byte picks as for the fuzz target of that name.
pub const WORK: [Target; 8] = [
    ("sse", scan),
    ("tap", tap::work),
    ("chat", index),
    ("encode", encode),
    ("openai", openai),
    ("anthropic", anthropic),
    ("gemini", gemini),
    ("bedrock", bedrock),
];

/// About what one read of a socket brings.
const PIECE: usize = 4096;

fn scan(bytes: &[u8]) {
    let mut scanner = Scanner::default();
    let mut length = 0;
    for piece in bytes.chunks(PIECE) {
        let fed: Result<(), EventTooLong> = scanner.feed(piece, |block| {
            length += block.data().map_or(0, |data| data.len()) + block.name().map_or(0, <[u8]>::len);
            Ok(())
        });
        fed.unwrap();
    }
    assert!(length <= bytes.len());
}

fn index(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    if let Ok(chat) = ChatRequest::from_bytes(input.data.to_vec()) {
        assert!(!chat.with_model("another").to_bytes().is_empty());
    }
}

fn encode(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let Ok(chat) = ChatRequest::from_bytes(input.data.to_vec()) else { return };
    match input.pick % 8 {
        0 => drop(requests::openai()[0].encode(&chat)),
        1 => drop(requests::openai()[7].encode(&chat)),
        2 => drop(requests::azure()[1].encode(&chat)),
        3 | 4 => drop(requests::anthropic().encode(&chat)),
        5 | 6 => drop(requests::gemini().encode(&chat)),
        _ => drop(requests::bedrock().encode(&chat)),
    }
}

fn answer(dialect: &'static impl Copied, input: &Input<'_>) {
    let chat = &requests::requests()[0];
    if input.pick.is_multiple_of(2) {
        let pieces: Vec<&[u8]> = input.data.chunks(PIECE).collect();
        drop(streamed(dialect, chat, &pieces));
    } else {
        drop(whole(dialect, chat, input.data));
    }
}

fn openai(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    answer(&requests::openai()[input.pick / 8 % 16], &input);
}

fn anthropic(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    answer(requests::anthropic(), &input);
}

fn gemini(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    answer(requests::gemini(), &input);
}

fn bedrock(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let frames = framed(input.data);
    let data = if input.pick.is_multiple_of(2) { &frames } else { input.data };
    answer(requests::bedrock(), &Input { data, ..input });
}
