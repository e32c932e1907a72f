//! Frames for tests.

use super::crc::crc32;

/// A header: its name, its type, and its value with the length before it where the type has one.
pub(in crate::translate::bedrock) struct Header<'a>(
    pub(in crate::translate::bedrock) &'a str,
    pub(in crate::translate::bedrock) u8,
    pub(in crate::translate::bedrock) &'a [u8],
);

/// A frame.
pub(in crate::translate::bedrock) fn frame(headers: &[Header<'_>], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for Header(name, kind, value) in headers {
        head.push(name.len() as u8);
        head.extend(name.as_bytes());
        head.push(*kind);
        head.extend(*value);
    }
    let total = (16 + head.len() + payload.len()) as u32;
    let mut frame = [total.to_be_bytes(), (head.len() as u32).to_be_bytes()].concat();
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(head);
    frame.extend(payload);
    frame.extend(crc32(&frame).to_be_bytes());
    frame
}

/// A frame of an event.
pub(in crate::translate::bedrock) fn event(kind: &str, payload: &str) -> Vec<u8> {
    typed("event", ":event-type", kind, payload)
}

/// A frame of an exception.
pub(in crate::translate::bedrock) fn exception(kind: &str, payload: &str) -> Vec<u8> {
    typed("exception", ":exception-type", kind, payload)
}

fn typed(message: &str, name: &str, kind: &str, payload: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
    let (message, kind) = (text(message), text(kind));
    frame(&[Header(":message-type", 7, &message), Header(name, 7, &kind)], payload.as_bytes())
}
