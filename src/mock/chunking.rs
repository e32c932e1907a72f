//! Where an answer is cut into frames.

use memchr::memchr2;

/// How the bytes of an answer are cut into body frames. The bytes are the same whatever the cuts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunking {
    /// One frame.
    Whole,
    /// A frame for every so many bytes. Zero counts as one.
    Bytes(usize),
    /// Cuts at these offsets from the start of the body, in any order.
    At(Vec<usize>),
    /// A frame for each server-sent event, the blank line included.
    Events,
    /// A frame for each event of an `application/vnd.amazon.eventstream`.
    BinaryEvents,
}

impl Chunking {
    /// The length of the next frame, at least 1, when `sent` bytes went before and `rest`, which is not empty, remains.
    pub(super) fn next(&self, rest: &[u8], sent: usize) -> usize {
        let length = match self {
            Self::Whole => rest.len(),
            Self::Bytes(length) => (*length).max(1),
            Self::At(cuts) => {
                cuts.iter().filter(|&&cut| cut > sent).min().map_or(rest.len(), |cut| cut.saturating_sub(sent))
            }
            Self::Events => event_length(rest),
            Self::BinaryEvents => binary_event_length(rest),
        };
        length.min(rest.len())
    }
}

/// The length of the first event with the blank line that ends it; of everything, if no event ends.
fn event_length(bytes: &[u8]) -> usize {
    let (mut start, mut has_content) = (0, false);
    while let Some(length) = memchr2(b'\n', b'\r', &bytes[start..]) {
        let end = start + length;
        let next = if bytes[end..].starts_with(b"\r\n") { end + 2 } else { end + 1 };
        if length == 0 && has_content {
            return next;
        }
        has_content |= length > 0;
        start = next;
    }
    bytes.len()
}

/// The length that the first event says it has; of everything, if it says none that can be.
fn binary_event_length(bytes: &[u8]) -> usize {
    let length = bytes.first_chunk().map(|length| u32::from_be_bytes(*length));
    length.and_then(|length| usize::try_from(length).ok()).filter(|&length| length > 0).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(chunking: &Chunking, text: &'static str) -> Vec<&'static str> {
        let (mut sent, mut frames) = (0, Vec::new());
        while sent < text.len() {
            let length = chunking.next(&text.as_bytes()[sent..], sent);
            frames.push(&text[sent..sent + length]);
            sent += length;
        }
        frames
    }

    #[test]
    fn cuts_are_where_they_should_be() {
        assert_eq!(frames(&Chunking::Whole, "abcde"), ["abcde"]);
        assert_eq!(frames(&Chunking::Bytes(2), "abcde"), ["ab", "cd", "e"]);
        assert_eq!(frames(&Chunking::Bytes(0), "ab"), ["a", "b"]);
        assert_eq!(frames(&Chunking::At(vec![4, 1, 1, 0, 99]), "abcde"), ["a", "bcd", "e"]);
    }

    #[test]
    fn events_end_with_a_blank_line_of_any_kind() {
        assert_eq!(frames(&Chunking::Events, "data: 1\n\ndata: 2\n\n"), ["data: 1\n\n", "data: 2\n\n"]);
        assert_eq!(
            frames(&Chunking::Events, "a\r\nb\r\n\r\nc\r\rd\n\r\ne"),
            ["a\r\nb\r\n\r\n", "c\r\r", "d\n\r\n", "e"]
        );
        assert_eq!(frames(&Chunking::Events, "\n\na\n\n"), ["\n\na\n\n"]);
    }

    #[test]
    fn binary_events_are_as_long_as_they_say() {
        assert_eq!(frames(&Chunking::BinaryEvents, "\0\0\0\x06ab\0\0\0\x05c\0"), ["\0\0\0\x06ab", "\0\0\0\x05c", "\0"]);
        assert_eq!(frames(&Chunking::BinaryEvents, "\0\0\0\0abc"), ["\0\0\0\0abc"]);
        assert_eq!(frames(&Chunking::BinaryEvents, "\0\0\x01\0abc"), ["\0\0\x01\0abc"]);
    }
}
