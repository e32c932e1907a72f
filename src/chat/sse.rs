//! Server-sent events: an incremental reader for any split and any line ending.
//!
//! The rules are those of the [HTML standard](https://html.spec.whatwg.org/multipage/server-sent-events.html): lines end
//! at LF, CRLF or CR and nowhere else, a BOM counts only at the very start, comments begin with a colon, several `data`
//! lines are joined by LF, and an event ends at an empty line.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;

use crate::error::ApiError;

/// The end marker of a chat completion stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// How long one event may be by default, in bytes.
pub const MAX_EVENT: usize = 8 << 20;

/// An event is longer than the scanner accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLong;

impl fmt::Display for EventTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event is longer than the scanner accepts")
    }
}

impl std::error::Error for EventTooLong {}

impl From<EventTooLong> for ApiError {
    fn from(_: EventTooLong) -> Self {
        Self::upstream_too_large()
    }
}

/// One block of a stream: an event, or only comments and blank lines.
pub struct Block<'a> {
    /// The block as it came, up to and including the empty line that ends it.
    pub raw: &'a [u8],
    /// The block without the BOM that the first one may begin with.
    text: &'a [u8],
    /// Where the first line of the text ends, if that is known.
    first_line: usize,
    /// How many bytes of the fed chunk are used up with this block; what came in earlier chunks is not counted.
    pub end: usize,
}

impl<'a> Block<'a> {
    /// The data of the event, or `None` where the block has none and is no event.
    pub fn data(&self) -> Option<Cow<'a, [u8]>> {
        if let Some(line) = self.only_line() {
            return field(line, b"data").map(Cow::Borrowed);
        }
        let mut data: Option<Cow<'a, [u8]>> = None;
        for line in Lines(self.text) {
            let Some(value) = field(line, b"data") else { continue };
            match &mut data {
                None => data = Some(Cow::Borrowed(value)),
                Some(data) => {
                    let data = data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            }
        }
        data
    }

    /// The one line of most events.
    fn only_line(&self) -> Option<&'a [u8]> {
        let (line, rest) = self.text.split_at_checked(self.first_line)?;
        matches!(rest, b"\n\n" | b"\r\n\r\n" | b"\r\r").then_some(line)
    }

    /// The name of the event, if it has one.
    pub fn name(&self) -> Option<&'a [u8]> {
        Lines(self.text).filter_map(|line| field(line, b"event")).last()
    }
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(name)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr2(b'\n', b'\r', self.0).unwrap_or(self.0.len());
        let line = &self.0[..end];
        let ending = if self.0[end..].starts_with(b"\r\n") { 2 } else { 1 };
        self.0 = self.0.get(end + ending..).unwrap_or_default();
        Some(line)
    }
}

/// Cuts a byte stream into [`Block`]s. What does not end inside a chunk is kept until the rest comes.
#[derive(Clone)]
pub struct Scanner {
    held: Vec<u8>,
    search: Search,
    at_start: bool,
    max_event: usize,
}

/// How far an unfinished block has been searched for its end, so that no byte is looked at twice.
#[derive(Debug, Default, Clone, Copy)]
struct Search {
    at: usize,
    line: usize,
    /// The end of the first line.
    first_line: usize,
}

impl Search {
    /// The end of the first block in the text, if it is certain. A CR at the very end is not: an LF may belong to it.
    fn find(&mut self, text: &[u8]) -> Option<usize> {
        while let Some(found) = memchr2(b'\n', b'\r', &text[self.at..]) {
            let line_end = self.at + found;
            let next = match (text[line_end], text.get(line_end + 1)) {
                (b'\r', None) => {
                    self.at = line_end;
                    return None;
                }
                (b'\r', Some(b'\n')) => line_end + 2,
                _ => line_end + 1,
            };
            let blank = line_end == self.line;
            if self.line == 0 {
                self.first_line = line_end;
            }
            (self.at, self.line) = (next, next);
            if blank {
                return Some(next);
            }
        }
        self.at = text.len();
        None
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new(MAX_EVENT)
    }
}

impl Scanner {
    /// A scanner at the start of a stream, for events of at most `max_event` bytes.
    pub fn new(max_event: usize) -> Self {
        Self { held: Vec::new(), search: Search::default(), at_start: true, max_event }
    }

    /// Whether the stream so far ends between two blocks.
    pub fn is_between_events(&self) -> bool {
        self.held.is_empty()
    }

    /// Reads the next chunk, and hands each block that ends in it to `each`, until that fails.
    ///
    /// # Errors
    /// [`EventTooLong`], or whatever `each` returns.
    pub fn feed<E: From<EventTooLong>>(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Block<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut start = 0;
        if !self.held.is_empty() {
            let before = self.held.len();
            self.held.extend_from_slice(chunk);
            let Some(end) = self.search.find(&self.held) else { return self.check_held() };
            self.check(end)?;
            let mut block = std::mem::take(&mut self.held);
            start = end - before;
            each(self.block(&block[..end], start))?;
            block.clear();
            self.held = block;
        }
        loop {
            self.search = Search::default();
            let rest = &chunk[start..];
            let Some(end) = self.search.find(rest) else {
                self.held.extend_from_slice(rest);
                return self.check_held();
            };
            self.check(end)?;
            start += end;
            each(self.block(&rest[..end], start))?;
        }
    }

    /// The stream has ended: what is left over, if anything is, as a block that lacks its empty line.
    pub fn finish<T>(&mut self, each: impl FnOnce(Block<'_>) -> T) -> Option<T> {
        let held = std::mem::take(&mut self.held);
        (!held.is_empty()).then(|| each(self.block(&held, 0)))
    }

    fn check_held<E: From<EventTooLong>>(&self) -> Result<(), E> {
        self.check(self.held.len())
    }

    fn check<E: From<EventTooLong>>(&self, length: usize) -> Result<(), E> {
        if length > self.max_event { Err(EventTooLong.into()) } else { Ok(()) }
    }

    fn block<'a>(&mut self, raw: &'a [u8], end: usize) -> Block<'a> {
        let first = std::mem::take(&mut self.at_start);
        match raw.strip_prefix(b"\xEF\xBB\xBF").filter(|_| first) {
            Some(text) => Block { raw, text, first_line: 0, end },
            None => Block { raw, text: raw, first_line: self.search.first_line, end },
        }
    }
}

/// Neither what is in a block nor what is kept is printed: it is the answer.
impl fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("raw", &self.raw.len()).field("end", &self.end).finish_non_exhaustive()
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Event = (Option<String>, String);

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    fn events<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
        let mut scanner = Scanner::default();
        let mut events = Vec::new();
        let mut push = |block: &Block<'_>| {
            events.extend(block.data().map(|data| (block.name().map(text), text(&data))));
        };
        for chunk in chunks {
            let fed: Result<(), EventTooLong> = scanner.feed(chunk, |block| {
                push(&block);
                Ok(())
            });
            fed.unwrap();
        }
        scanner.finish(|block| push(&block));
        events
    }

    const STREAM: &str = "\u{feff}: hi\n\nevent: a\ndata: one\n\ndata:two\ndata:  three\nid: 7\nretry: 5\n\n\n\n: ping\n\n\
        data: \u{feff}\u{2028}\u{85} x\n\ndatax: no\n\ndata\n\ndata: [DONE]\n\n";

    fn expected() -> Vec<Event> {
        let event = |name: Option<&str>, data: &str| (name.map(str::to_owned), data.to_owned());
        vec![
            event(Some("a"), "one"),
            event(None, "two\n three"),
            event(None, "\u{feff}\u{2028}\u{85} x"),
            event(None, ""),
            event(None, "[DONE]"),
        ]
    }

    #[test]
    fn any_line_ending_and_any_cut_give_the_same_events() {
        for ending in ["\n", "\r\n", "\r"] {
            let stream = STREAM.replace('\n', ending);
            let bytes = stream.as_bytes();
            assert_eq!(events([bytes]), expected());
            assert_eq!(events(bytes.chunks(1)), expected());
            for cut in 0..=bytes.len() {
                assert_eq!(events([&bytes[..cut], &bytes[cut..]]), expected(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_last_event_without_its_empty_line_is_handed_out() {
        assert_eq!(events([&b"data: a\n\ndata: b"[..]]).len(), 2);
        assert_eq!(events([&b"data: a\n\ndata: b\r"[..]])[1].1, "b");
    }

    #[test]
    fn an_event_is_handed_out_with_its_last_byte() {
        let mut scanner = Scanner::default();
        let mut seen = 0;
        for byte in b"data: x\n\n" {
            let fed: Result<(), EventTooLong> = scanner.feed(&[*byte], |_| {
                seen += 1;
                Ok(())
            });
            fed.unwrap();
        }
        assert_eq!((seen, scanner.is_between_events()), (1, true));
    }

    #[test]
    fn a_block_says_how_much_of_the_chunk_it_used() {
        let mut scanner = Scanner::default();
        let mut ends = Vec::new();
        for chunk in [&b"data: a"[..], b"\n\ndata: b\n\nda", b"ta: c\n\n"] {
            let fed: Result<(), EventTooLong> = scanner.feed(chunk, |block| {
                ends.push((block.end, block.raw.len()));
                Ok(())
            });
            fed.unwrap();
        }
        assert_eq!(ends, [(2, 9), (11, 9), (7, 9)]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut scanner = Scanner::new(16);
        let fed: Result<(), EventTooLong> = scanner.feed(b"data: 0123456789abcdef", |_| Ok(()));
        assert_eq!(fed, Err(EventTooLong));
    }

    #[test]
    fn the_limit_is_the_same_for_every_cut() {
        for (event, fits) in [(&b"data: 01234567\n\n"[..], true), (b"data: 012345678\n\n", false)] {
            for cut in 0..=event.len() {
                let mut scanner = Scanner::new(16);
                let mut feed = |chunk: &[u8]| -> Result<(), EventTooLong> { scanner.feed(chunk, |_| Ok(())) };
                let fed = feed(&event[..cut]).and_then(|()| feed(&event[cut..]));
                assert_eq!(fed.is_ok(), fits, "cut at {cut}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn chunks_never_matter(stream in "([a:d ]|data: |\r|\n|\r\n|\n\n){0,40}", cuts in proptest::collection::vec(0..200_usize, 0..6)) {
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&bytes[from..cut]);
                from = cut;
            }
            chunks.push(&bytes[from..]);
            proptest::prop_assert_eq!(events(chunks), events([bytes]));
        }
    }
}
