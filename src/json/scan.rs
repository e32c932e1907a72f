//! One pass over JSON text: checks RFC 8259's grammar and the depth, allocates nothing, recurses nowhere.

use std::ops::Range;

use super::fault::{Fault, FaultKind};
use super::kind::Kind;
use super::prefix::{SHORT, plain_prefix, special_in_words};
use super::text::{Escapes, Text};

/// How deep arrays and objects may nest.
///
/// serde_json has the same limit for its own trees, but none for raw or ignored values; a body that is passed on
/// unread must not carry 200,000 brackets to somebody else's parser.
pub const MAX_DEPTH: u32 = 128;

/// The bytes as the text that JSON is.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| Fault { kind: FaultKind::Syntax, at: error.valid_up_to() })
}

/// A member of an object.
pub(crate) struct Member {
    /// The span of its key, without the quotes.
    pub(crate) key: Range<usize>,
    pub(crate) escapes: Escapes,
    pub(crate) value: Range<usize>,
}

/// A cursor over JSON text.
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    checked: bool,
    /// Those of the last string.
    escapes: Escapes,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), at: 0, depth: 0, checked: false, escapes: Escapes::Unknown }
    }

    /// A cursor over a text that has been checked already.
    pub(crate) fn checked(text: &'a str) -> Self {
        Self { checked: true, ..Self::new(text) }
    }

    /// A cursor over a text that stands inside this many arrays and objects.
    pub(crate) fn inside(text: &'a str, levels: u32) -> Self {
        Self { depth: levels.min(MAX_DEPTH), ..Self::new(text) }
    }

    /// The offset of the next byte.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        Fault { kind, at: self.at }
    }

    fn unexpected(&self) -> Fault {
        self.fault(if self.at < self.text.len() { FaultKind::Syntax } else { FaultKind::Truncated })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The escapes of the string that was walked past last.
    pub(crate) fn escapes(&self) -> Escapes {
        self.escapes
    }

    /// The inside of the string that was walked past last, such as the key of a member, which is this piece of the text.
    pub(crate) fn last_string<'t>(&self, inside: &'t str) -> Text<'t> {
        Text::in_json(inside, self.escapes)
    }

    /// Walks past white space, of which there is none in most places and one blank in most others.
    pub(crate) fn space(&mut self) {
        if self.peek().is_none_or(|byte| byte > b' ') {
            return;
        }
        match self.text[self.at..] {
            [b' ', next, ..] if next > b' ' => self.at += 1,
            _ => self.spaces(),
        }
    }

    #[inline(never)]
    fn spaces(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Only white space may be left.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.at < self.text.len() { Err(self.fault(FaultKind::Trailing)) } else { Ok(()) }
    }

    /// The kind of the value that begins at the next byte, by that byte alone.
    pub(crate) fn kind(&self) -> Result<Kind, Fault> {
        match self.peek() {
            Some(b'"') => Ok(Kind::String),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            _ => Err(self.unexpected()),
        }
    }

    /// Enters an object or array, whose opening byte is next; false if it is empty (and then it has been left again).
    fn open(&mut self, close: u8) -> Result<bool, Fault> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault(FaultKind::TooDeep));
        }
        self.at += 1;
        self.space();
        if self.take(close) {
            return Ok(false);
        }
        self.depth += 1;
        Ok(true)
    }

    /// After a member: true if another one follows, false if the object or array has been left.
    fn more(&mut self, close: u8) -> Result<bool, Fault> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn key(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.at + 1;
        self.string()?;
        let end = self.at - 1;
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(start..end)
    }

    /// Walks the object whose `{` is next. `member` gets the span of each key (without its quotes) and must consume the value.
    pub(crate) fn object<E: From<Fault>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Range<usize>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut more = self.open(b'}')?;
        while more {
            let key = self.key()?;
            member(self, key)?;
            more = self.more(b'}')?;
        }
        Ok(())
    }

    /// Walks the array whose `[` is next. `element` must consume each value.
    pub(crate) fn array<E: From<Fault>>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut more = self.open(b']')?;
        while more {
            element(self)?;
            more = self.more(b']')?;
        }
        Ok(())
    }

    /// The span of the next value of an object that is being walked from outside; see [`super::Fields`].
    pub(crate) fn next_member(&mut self, first: &mut bool) -> Result<Option<Member>, Fault> {
        let more = if std::mem::take(first) { self.open(b'}')? } else { self.more(b'}')? };
        if !more {
            return Ok(None);
        }
        let key = self.key()?;
        let escapes = self.escapes;
        Ok(Some(Member { key, escapes, value: self.value()? }))
    }

    /// The same for an array; see [`super::Elements`].
    pub(crate) fn next_element(&mut self, first: &mut bool) -> Result<Option<Range<usize>>, Fault> {
        let more = if std::mem::take(first) { self.open(b']')? } else { self.more(b']')? };
        if more { self.value().map(Some) } else { Ok(None) }
    }

    /// The span of the value that begins at the next byte.
    pub(crate) fn value(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.at;
        self.skip()?;
        Ok(start..self.at)
    }

    /// Walks past the value that begins at the next byte.
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'[' | b'{') if self.checked => self.skip_container(),
            Some(b'[' | b'{') => self.container(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.unexpected()),
        }
    }

    /// Walks a whole array or object without recursion: what encloses each level is a bit, 1 for an object.
    fn container(&mut self) -> Result<(), Fault> {
        const { assert!(MAX_DEPTH <= u128::BITS) };
        let outside = self.depth;
        let mut enclosing = 0_u128;
        loop {
            let object = self.peek() == Some(b'{');
            if self.open(if object { b'}' } else { b']' })? {
                enclosing = enclosing << 1 | u128::from(object);
                if object {
                    self.key()?;
                }
            } else if self.climb(outside, &mut enclosing)? {
                return Ok(());
            }
            while !matches!(self.kind()?, Kind::Array | Kind::Object) {
                self.value()?;
                if self.climb(outside, &mut enclosing)? {
                    return Ok(());
                }
            }
        }
    }

    /// Walks past an array or object that has been checked before: all that matters is where its strings and brackets are.
    fn skip_container(&mut self) -> Result<(), Fault> {
        let mut open = 0_u32;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
        Err(self.unexpected())
    }

    /// After a value inside a container: leaves every level that ends here. True if the outermost one did.
    fn climb(&mut self, outside: u32, enclosing: &mut u128) -> Result<bool, Fault> {
        while self.depth > outside {
            let object = *enclosing & 1 == 1;
            if self.more(if object { b'}' } else { b']' })? {
                if object {
                    self.key()?;
                }
                return Ok(false);
            }
            *enclosing >>= 1;
        }
        Ok(true)
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        word.iter().try_for_each(|&byte| self.expect(byte))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        match self.peek() {
            Some(b'.' | b'e' | b'E') => self.fraction(),
            _ => Ok(()),
        }
    }

    /// The number that begins at the next byte, if it is written as counts are: digits that fit for sure, and nothing else.
    /// Otherwise the cursor stays where it is.
    pub(crate) fn count(&mut self) -> Option<u64> {
        const MAX_DIGITS: usize = 19;
        let (mut at, mut count) = (self.at, 0);
        while let Some(digit @ b'0'..=b'9') = self.text.get(at) {
            if at - self.at == MAX_DIGITS {
                return None;
            }
            count = count * 10 + u64::from(digit - b'0');
            at += 1;
        }
        let is_plain = match at - self.at {
            0 => false,
            1 => true,
            _ => self.text[self.at] != b'0',
        };
        if !is_plain || matches!(self.text.get(at), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.at = at;
        Some(count)
    }

    #[inline(never)]
    fn fraction(&mut self) -> Result<(), Fault> {
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    /// Walks past the string that begins at the next byte. Most are short and without escapes.
    fn string(&mut self) -> Result<(), Fault> {
        self.expect(b'"')?;
        let rest = &self.text[self.at..];
        match special_in_words(rest) {
            Some(length) if rest[length] == b'"' => {
                self.at += length + 1;
                self.escapes = Escapes::None;
                return Ok(());
            }
            Some(length) => self.at += length,
            None if rest.len() >= SHORT => self.at += SHORT,
            None => {}
        }
        self.long_string()
    }

    #[inline(never)]
    fn long_string(&mut self) -> Result<(), Fault> {
        if self.checked { self.rest_of_checked_string() } else { self.rest_of_string() }
    }

    fn rest_of_string(&mut self) -> Result<(), Fault> {
        self.escapes = Escapes::None;
        loop {
            self.at += plain_prefix(&self.text[self.at..]);
            match self.peek() {
                Some(b'"') => break self.at += 1,
                Some(b'\\') => self.escape()?,
                _ => return Err(self.unexpected()),
            }
        }
        Ok(())
    }

    /// The same where the string is known to be one, so that all that matters is which quote ends it: one after an even
    /// number of backslashes.
    fn rest_of_checked_string(&mut self) -> Result<(), Fault> {
        self.escapes = Escapes::Unknown;
        while let Some(found) = memchr::memchr(b'"', &self.text[self.at..]) {
            let end = self.at + found;
            let backslashes = self.text[self.at..end].iter().rev().take_while(|byte| **byte == b'\\').count();
            self.at = end + 1;
            if backslashes % 2 == 0 {
                return Ok(());
            }
        }
        self.at = self.text.len();
        Err(self.unexpected())
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                self.escapes = self.escapes.max(Escapes::Simple);
            }
            Some(b'u') => {
                self.at += 1;
                self.escapes = Escapes::Unknown;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|digit| digit.is_ascii_hexdigit()) {
                        return Err(self.unexpected());
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::prefix::string_prefix;
    use super::*;

    fn check(text: &str) -> Result<(), FaultKind> {
        let mut scanner = Scanner::new(text);
        scanner.space();
        scanner.value().and_then(|_| scanner.end()).map_err(|fault| fault.kind)
    }

    #[test]
    fn accepts_what_the_grammar_allows() {
        for text in [
            "null",
            " true ",
            "false",
            "0",
            "-0.5e+10",
            "1E-5",
            "1e400",
            "123456789012345678901234567890",
            "\"\"",
            r#""a\"\\\/\b\f\n\r\tA\ud800""#,
            "[]",
            "{}",
            "[[],{},[{}]]",
            "{ \"a\" : [ 1 , { \"b\" : null } ] , \"c\" : \"d\" }\r\n\t",
            "\"\u{2028}\u{85}\u{feff} longer than one block of thirty-two bytes, to take the fast way\"",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_escapes_of_a_string_are_seen() {
        let far = "x".repeat(40);
        for before in ["", "é", "0123456", "0123456789abcdef0123456789abcdef", &far] {
            for (body, escapes) in [
                ("", Escapes::None),
                ("é", Escapes::None),
                (r"\n", Escapes::Simple),
                (r"\\u0041", Escapes::Simple),
                (r"\u0041", Escapes::Unknown),
                (r"\n\ud800", Escapes::Unknown),
                (r"\ud800\n", Escapes::Unknown),
            ] {
                for after in ["", &far] {
                    let text = format!("\"{before}{body}{after}\"{far}");
                    let mut scanner = Scanner::new(&text);
                    scanner.skip().unwrap();
                    assert_eq!((scanner.at(), scanner.escapes()), (text.len() - far.len(), escapes), "{text}");
                    let mut scanner = Scanner::checked(&text);
                    scanner.skip().unwrap();
                    assert!(scanner.escapes() >= escapes, "{text}");
                }
            }
        }
    }

    #[test]
    fn a_count_is_what_raw_reads_or_nothing() {
        for text in
            ["0", "7", "18446744073709551615", "1844674407370955161", "9999999999999999999", "42,", "42}", "42 "]
        {
            let mut scanner = Scanner::new(text);
            let number = text.trim_end_matches([',', '}', ' ']);
            match scanner.count() {
                Some(count) => assert_eq!((count.to_string().as_str(), scanner.at()), (number, number.len())),
                None => assert_eq!((number.len(), scanner.at()), (20, 0)),
            }
        }
        let mut scanner = Scanner::new("[18446744073709551,1]");
        let mut counts = Vec::new();
        scanner
            .array::<Fault>(|scanner| {
                counts.push(scanner.count());
                Ok(())
            })
            .unwrap();
        assert_eq!(counts, [Some(18_446_744_073_709_551), Some(1)]);
        for text in ["", "-1", "1.0", "1e2", "2E1", "00", "01", "\"1\"", "x", "null"] {
            let mut scanner = Scanner::new(text);
            assert_eq!((scanner.count(), scanner.at()), (None, 0), "{text}");
        }
    }

    #[test]
    fn refuses_what_it_does_not() {
        use FaultKind::{Syntax, Trailing, Truncated};
        for (text, kind) in [
            ("", Truncated),
            ("nul", Truncated),
            ("nulL", Syntax),
            ("NaN", Syntax),
            ("Infinity", Syntax),
            ("+1", Syntax),
            ("01", Trailing),
            ("1.", Truncated),
            (".5", Syntax),
            ("1e", Truncated),
            ("- 1", Syntax),
            ("\"", Truncated),
            ("\"\n\"", Syntax),
            ("\"\\x\"", Syntax),
            ("\"\\u12g4\"", Syntax),
            ("\"\\u12", Truncated),
            ("[1,]", Syntax),
            ("[,1]", Syntax),
            ("[1 2]", Syntax),
            ("[1", Truncated),
            ("[1}", Syntax),
            ("{\"a\"}", Syntax),
            ("{\"a\":}", Syntax),
            ("{\"a\":1,}", Syntax),
            ("{a:1}", Syntax),
            ("{'a':1}", Syntax),
            ("{\"a\":1]", Syntax),
            ("{} {}", Trailing),
            ("\u{feff}{}", Syntax),
            ("[1] // no", Trailing),
        ] {
            assert_eq!(check(text), Err(kind), "{text}");
        }
    }

    #[test]
    fn depth_is_limited_for_every_mix_of_containers() {
        let nested = |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            assert_eq!(check(&nested(open, close, 128)), Ok(()));
            assert_eq!(check(&nested(open, close, 129)), Err(FaultKind::TooDeep));
        }
        assert_eq!(check(&nested("[{\"a\":", "}]", 64)), Ok(()));
        assert_eq!(check(&nested("[{\"a\":", "}]", 65)), Err(FaultKind::TooDeep));
        assert_eq!(check(&"[".repeat(200_000)), Err(FaultKind::TooDeep));
    }

    /// The string that begins at the quote, one byte after the other: where it ends, or what is wrong and where.
    fn one_by_one(text: &[u8]) -> Result<usize, (FaultKind, usize)> {
        let mut at = 1;
        loop {
            let fault = |at: usize| if at < text.len() { FaultKind::Syntax } else { FaultKind::Truncated };
            match text.get(at) {
                Some(b'"') => return Ok(at + 1),
                Some(b'\\') => match text.get(at + 1) {
                    Some(b'u') => {
                        let wrong = (at + 2..at + 6).find(|at| !text.get(*at).is_some_and(u8::is_ascii_hexdigit));
                        match wrong {
                            Some(wrong) => return Err((fault(wrong), wrong)),
                            None => at += 6,
                        }
                    }
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                    _ => return Err((fault(at + 1), at + 1)),
                },
                Some(0x20..) => at += 1,
                _ => return Err((fault(at), at)),
            }
        }
    }

    fn compare(text: &str) {
        let expected = one_by_one(text.as_bytes());
        let mut scanner = Scanner::new(text);
        let found = scanner.string().map(|()| scanner.at).map_err(|fault| (fault.kind, fault.at));
        assert_eq!(found, expected, "{text:?}");
        let rest = &text.as_bytes()[1..];
        let prefix = expected.ok().map(|end| (end - 2, rest[..end - 2].contains(&b'\\')));
        assert_eq!(string_prefix(rest), prefix, "{text:?}");
        // Whoever is told that it is a string need not find what is wrong.
        if let Ok(end) = expected {
            let mut scanner = Scanner::checked(text);
            assert_eq!(scanner.string().map(|()| scanner.at), Ok(end), "{text:?}");
            let object = format!("{{{}:1}}", &text[..end]);
            for mut scanner in [Scanner::new(&object), Scanner::checked(&object)] {
                scanner.at = 1;
                assert_eq!(scanner.key(), Ok(2..end), "{object:?}");
            }
        }
        // And whoever skips a container goes on behind it.
        if expected.is_ok_and(|end| end == text.len()) {
            let array = format!("[{text},[{text}]]");
            for mut scanner in [Scanner::new(&array), Scanner::checked(&array)] {
                assert_eq!(scanner.value(), Ok(0..array.len()), "{array:?}");
            }
        }
    }

    /// All pairs of what matters at all places of texts of up to five blocks, at distances around the length of a block.
    #[test]
    fn a_string_ends_where_it_does_one_byte_after_the_other() {
        let pieces =
            ["\"", "\\", "\\\"", "\\\\", "\\u12aF", "\\u12", "\\x", "\u{0}", "\u{1f}", "\u{7f}", "é", "\u{2028}", "😀"];
        for fill in ["a", "\u{80}"] {
            for length in 0..84 / fill.len() {
                let plain = fill.repeat(length);
                for close in ["", "\"", "\",\""] {
                    compare(&format!("\"{plain}{close}"));
                    for first in pieces {
                        compare(&format!("\"{plain}{first}{close}"));
                        for second in pieces {
                            for between in [0, 1, 14, 15, 16, 17] {
                                let between = "b".repeat(between);
                                compare(&format!("\"{plain}{first}{between}{second}c{close}"));
                            }
                        }
                    }
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}:," 0-9a-z\\.eE+\-\n]{0,24}"#) {
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            proptest::prop_assert_eq!(check(&text).is_ok(), theirs);
        }

        #[test]
        fn a_string_is_the_same_by_blocks(text in r#"([a-d\u{20}-\u{7f}é😀]{0,20}|[\\"u0-9\x00-\x1f]{0,2}){0,12}"#) {
            compare(&format!("\"{text}"));
        }
    }
}
