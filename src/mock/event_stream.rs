//! Amazon's framing of events, `application/vnd.amazon.eventstream`: lengths, checksums and named headers around JSON.

use std::fmt::Display;

use bytes::Bytes;

/// The type of a header whose value is a string.
const STRING: u8 = 7;

/// The lengths and their checksum, and the checksum at the end of a frame.
const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

/// A stream of Amazon's binary events, for an [`Answer`](super::Answer) that is said word for word.
///
/// ```
/// use tower_completions::mock::{Answer, EventStream};
///
/// let stream = EventStream::new()
///     .event("messageStart", r#"{"role": "assistant"}"#)
///     .exception("throttlingException", r#"{"message": "Too many tokens, please wait."}"#);
/// let answer = Answer::raw(200, EventStream::MEDIA_TYPE, stream);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct EventStream(Vec<u8>);

impl EventStream {
    /// The content type of a stream.
    pub const MEDIA_TYPE: &'static str = "application/vnd.amazon.eventstream";

    /// A stream without events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event of this type. The payload should be JSON, and goes out as it stands.
    pub fn event(self, name: &str, payload: impl Display) -> Self {
        self.message(
            [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")],
            payload,
        )
    }

    /// Adds an exception, after which Amazon sends nothing more.
    pub fn exception(self, name: &str, payload: impl Display) -> Self {
        let kind = (":message-type", "exception");
        self.message([(":exception-type", name), (":content-type", "application/json"), kind], payload)
    }

    fn message(mut self, headers: [(&'static str, &str); 3], payload: impl Display) -> Self {
        let mut head = Vec::new();
        for (name, value) in headers {
            head.push(name.len() as u8);
            head.extend_from_slice(name.as_bytes());
            head.push(STRING);
            head.extend_from_slice(&(value.len() as u16).to_be_bytes());
            head.extend_from_slice(value.as_bytes());
        }
        let payload = payload.to_string();
        let total = PRELUDE + head.len() + payload.len() + CHECKSUM;

        let start = self.0.len();
        self.0.extend_from_slice(&(total as u32).to_be_bytes());
        self.0.extend_from_slice(&(head.len() as u32).to_be_bytes());
        self.push_checksum(start);
        self.0.extend_from_slice(&head);
        self.0.extend_from_slice(payload.as_bytes());
        self.push_checksum(start);
        self
    }

    /// The checksum of everything from `start` on.
    fn push_checksum(&mut self, start: usize) {
        let checksum = crc32(&self.0[start..]);
        self.0.extend_from_slice(&checksum.to_be_bytes());
    }
}

impl From<EventStream> for Bytes {
    fn from(stream: EventStream) -> Self {
        stream.0.into()
    }
}

/// CRC-32 as IEEE 802.3 has it, a bit at a time: what a mock says is short.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let remainder = bytes.iter().fold(u32::MAX, |remainder, byte| {
        (0..8).fold(remainder ^ u32::from(*byte), |rest, _| (rest >> 1) ^ if rest & 1 == 1 { POLYNOMIAL } else { 0 })
    });
    !remainder
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    /// The golden streams were framed by botocore's rules, and their twins say what is in them.
    #[test]
    fn the_golden_streams_are_framed_alike() {
        let streams: [(&str, &[u8]); 3] = [
            (
                include_str!("../../tests/golden/bedrock/stream_text_tool.response.provider.events.jsonl"),
                include_bytes!("../../tests/golden/bedrock/stream_text_tool.response.provider.eventstream"),
            ),
            (
                include_str!(
                    "../../tests/golden/bedrock/stream_reasoning_metadata_first.response.provider.events.jsonl"
                ),
                include_bytes!(
                    "../../tests/golden/bedrock/stream_reasoning_metadata_first.response.provider.eventstream"
                ),
            ),
            (
                include_str!("../../tests/golden/bedrock/stream_exception.response.provider.events.jsonl"),
                include_bytes!("../../tests/golden/bedrock/stream_exception.response.provider.eventstream"),
            ),
        ];
        for (events, framed) in streams {
            let stream = events.lines().fold(EventStream::new(), |stream, line| {
                let event: Value = serde_json::from_str(line).unwrap();
                // The text of the payload as it stands: the order of its keys counts here.
                let (_, payload) = line.split_once("\"payload\":").unwrap();
                let payload = payload.strip_suffix('}').unwrap();
                match event["headers"][":exception-type"].as_str() {
                    Some(name) => stream.exception(name, payload),
                    None => stream.event(event["headers"][":event-type"].as_str().unwrap(), payload),
                }
            });
            assert_eq!(Bytes::from(stream), framed);
        }
    }
}
