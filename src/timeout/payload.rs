//! Data, or only what keeps a connection alive?

use memchr::{memchr2, memrchr2};

/// Reads an event stream, cut anywhere, for lines of data.
#[derive(Debug)]
pub(super) struct Payload(Line);

/// Where in a line the stream stands.
#[derive(Clone, Copy, Debug)]
enum Line {
    /// So many bytes of the field's name have come.
    Name(usize),
    /// The line is of data, of which nothing has come but spaces.
    Value,
    /// Nothing more in this line matters.
    Rest,
}

const NAME: &[u8] = b"data:";

impl Default for Payload {
    fn default() -> Self {
        Self(Line::Name(0))
    }
}

impl Payload {
    /// Whether there is any data in the next bytes of the stream.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        let mut found = false;
        let mut rest = bytes.iter();
        while let Some(&byte) = rest.next() {
            self.0 = match (self.0, byte) {
                (_, b'\n' | b'\r') => Line::Name(0),
                (Line::Name(at), _) if NAME.get(at) == Some(&byte) => {
                    if at + 1 < NAME.len() {
                        Line::Name(at + 1)
                    } else {
                        Line::Value
                    }
                }
                (Line::Value, b' ') => Line::Value,
                (line, _) => {
                    found |= matches!(line, Line::Value);
                    let rest_of_all = rest.as_slice();
                    // What is found needs not be looked for in every line: how the last one begins is all that matters then.
                    let end =
                        if found { memrchr2(b'\n', b'\r', rest_of_all) } else { memchr2(b'\n', b'\r', rest_of_all) };
                    let end = end.unwrap_or(rest_of_all.len());
                    rest = rest.as_slice()[end..].iter();
                    Line::Rest
                }
            };
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_told_from_the_rest_at_any_cut_and_with_any_line_ending() {
        for (stream, expected) in [
            ("data: x\n\n", true),
            ("data:x\n\n", true),
            (": ping\n\nevent: a\ndata: {}\n\n", true),
            ("data:\n\n", false),
            ("data: \n\ndata\n\n", false),
            (": ping data: x\n\n", false),
            (": data: x\n\n:\n\n\n", false),
            ("event: ping\nid: 7\nretry: 9\ndatax: 1\n data: x\n\n", false),
        ] {
            for ending in ["\n", "\r\n", "\r"] {
                let stream = stream.replace('\n', ending);
                for cut in 0..=stream.len() {
                    let mut payload = Payload::default();
                    let (left, right) = stream.as_bytes().split_at(cut);
                    let (left, right) = (payload.read(left), payload.read(right));
                    assert_eq!(left || right, expected, "{stream:?} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn what_has_begun_is_not_found_again() {
        let mut payload = Payload::default();
        assert!(payload.read(b"data: {\"a\""));
        assert!(!payload.read(b": 1}\n\n: pi"));
        assert!(!payload.read(b"ng\n\n"));
        assert!(payload.read(b"data: x"));
    }
}
