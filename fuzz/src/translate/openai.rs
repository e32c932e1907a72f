//! Answers that are OpenAI's already, and those of servers that imitate it.

use tower_completions::ChatRequest;

use super::check;
use super::told::{Copied, streamed, whole, whole_as_stream, without_random_ids};
use crate::{Input, requests};

/// Cut anywhere the same; a plain answer passes byte for byte; what is written anew is JSON.
pub fn openai(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let (cases, requests) = (input.pick % 4, requests::requests());
    let chat = &requests[[0, 3][input.pick / 4 % 2]];
    match input.pick / 8 {
        at @ 0..16 => answer(&requests::openai()[at], chat, &input, cases, at == 0),
        at => answer(&requests::azure()[at % 2], chat, &input, cases, false),
    }
}

fn answer(dialect: &'static impl Copied, chat: &'static ChatRequest, input: &Input<'_>, case: usize, is_plain: bool) {
    match case {
        0 | 1 => {
            let told = streamed(dialect, chat, &[input.data]);
            let pieces = streamed(dialect, chat, &input.pieces());
            assert_eq!(pieces, told);
            assert_eq!(told.seen.complete, told.error.is_none());
        }
        // A stream that calls itself JSON is read as one.
        2 if chat.stream() && !input.data.trim_ascii_start().starts_with(b"{") => {
            assert_eq!(whole_as_stream(dialect, chat, input.data), streamed(dialect, chat, &[input.data]));
        }
        2 if input.cut.is_multiple_of(2) => drop(check::body(dialect, chat, input.data)),
        2 => {
            let stream = whole(dialect, chat, input.data);
            let told = whole(dialect, &requests::requests()[4], input.data);
            assert!(told.error.is_none() || stream.error.is_some(), "{told:?} {stream:?}");
            if told.error.is_none() {
                let _: &serde_json::value::RawValue = serde_json::from_str(told.text()).unwrap();
                assert!(!is_plain || told.out == without_random_ids(input.data.to_vec()));
            }
        }
        _ => check::error(dialect, chat, input.data, input.cut),
    }
}
