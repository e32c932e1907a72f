//! The scanner of server-sent events, against the words of the standard.

use tower_completions::chat::sse::{EventTooLong, Scanner};

use crate::Input;

type Event = (Option<Vec<u8>>, Vec<u8>);

/// Any cut gives the same blocks; together they are the input; their events are those of the standard's own algorithm.
pub fn sse(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let (events, blocks) = scanned(&[input.data]);
    assert_eq!(blocks.concat(), input.data, "every byte is in one block");
    assert_eq!(scanned(&input.pieces()), (events.clone(), blocks));
    assert_eq!(events, by_the_book(input.data));
    capped(&input);
}

fn scanned(pieces: &[&[u8]]) -> (Vec<Event>, Vec<Vec<u8>>) {
    let mut scanner = Scanner::default();
    let (mut events, mut blocks) = (Vec::new(), Vec::new());
    for piece in pieces {
        let (mut end, before) = (0, blocks.len());
        let fed: Result<(), EventTooLong> = scanner.feed(piece, |block| {
            assert!(block.end > end || (block.end == end && blocks.len() == before), "blocks go forward");
            assert!(block.end <= piece.len());
            end = block.end;
            blocks.push(block.raw.to_vec());
            events.extend(block.data().map(|data| (block.name().map(<[u8]>::to_vec), data.into_owned())));
            Ok(())
        });
        fed.unwrap();
        assert_eq!(scanner.is_between_events(), end == piece.len() && (!piece.is_empty() || scanner.is_between_events()));
    }
    scanner.finish(|block| {
        blocks.push(block.raw.to_vec());
        events.extend(block.data().map(|data| (block.name().map(<[u8]>::to_vec), data.into_owned())));
    });
    assert!(scanner.is_between_events());
    (events, blocks)
}

/// The standard's algorithm, step by step; only that an event at the end needs no empty line, and its name no text.
fn by_the_book(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let (mut lines, mut line, mut bytes) = (Vec::new(), Vec::new(), stream.iter().copied().peekable());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if byte == b'\r' && bytes.peek() == Some(&b'\n') {
                    bytes.next();
                }
                lines.push(std::mem::take(&mut line));
            }
            byte => line.push(byte),
        }
    }
    lines.extend([line, Vec::new()]);
    let (mut events, mut name, mut data) = (Vec::new(), None, None::<Vec<u8>>);
    for line in lines {
        if line.is_empty() {
            events.extend(data.take().map(|data| (name.clone(), data)));
            name = None;
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"event" => name = Some(value.to_vec()),
            b"data" => match &mut data {
                None => data = Some(value.to_vec()),
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            },
            _ => {}
        }
    }
    events
}

/// A cap refuses the same streams at any cut.
fn capped(input: &Input<'_>) {
    let fits = |pieces: &[&[u8]]| {
        let mut scanner = Scanner::new(input.pick);
        pieces.iter().all(|piece| scanner.feed(piece, |_| Ok::<(), EventTooLong>(())).is_ok())
    };
    assert_eq!(fits(&[input.data]), fits(&input.pieces()));
}
