//! Gemini's answers.

use super::check;
use super::told::{streamed, whole};
use crate::{Input, requests};

/// Cut anywhere; whole; and whole in the place of a stream's one event, which is the same answer.
pub fn gemini(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let (dialect, requests) = (requests::gemini(), requests::requests());
    let chat = &requests[input.pick / 4 % 4];
    match input.pick % 4 {
        0 | 1 => drop(check::stream(dialect, chat, input.data, &input.pieces())),
        2 if input.cut.is_multiple_of(2) => drop(check::body(dialect, chat, input.data)),
        2 => {
            let told = whole(dialect, chat, input.data);
            let lines = input.data.split(|byte| matches!(byte, b'\r' | b'\n'));
            let mut event: Vec<u8> = lines.flat_map(|line| [b"data: ", line, b"\n"]).flatten().copied().collect();
            event.push(b'\n');
            let stream = streamed(dialect, chat, &[&event]);
            assert_eq!(told.error.is_none(), stream.error.is_none(), "{told:?} {stream:?}");
            if told.error.is_none() {
                check::same(chat, &serde_json::from_str(told.text()).unwrap(), &stream);
            }
        }
        _ => check::error(dialect, chat, input.data, input.cut),
    }
}
