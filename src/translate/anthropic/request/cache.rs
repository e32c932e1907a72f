//! Marks for the prompt cache.

use std::ops::Range;

use crate::json::Raw;

/// How many marks Anthropic takes in one request.
const MAX_MARKS: usize = 4;

/// How long a marked prefix is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    FiveMinutes,
    OneHour,
}

impl Mark {
    /// What a `prompt_cache_breakpoint` or a `cache_control` asks for. A ttl of Anthropic's is taken as it is; OpenAI's
    /// (`30m`, `12h`) are both longer than five minutes.
    pub(super) fn read(breakpoint: Raw<'_>) -> Option<Self> {
        if breakpoint.get("type").is_some_and(|kind| kind.as_text().is_none_or(|kind| !kind.eq_str("ephemeral"))) {
            return None;
        }
        let ttl = breakpoint.get("ttl").and_then(Raw::as_str);
        match ttl.as_deref() {
            _ if breakpoint.as_bool() == Some(false) => None,
            Some("30m" | "1h" | "12h" | "24h") => Some(Self::OneHour),
            _ => Some(Self::FiveMinutes),
        }
    }
}

/// Where the marks stand that have been written, so that the surplus ones can be taken out again.
#[derive(Debug, Default)]
pub(super) struct Marks {
    written: Vec<Range<usize>>,
    short: bool,
}

impl Marks {
    pub(super) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Writes a mark as the last field of a block. What is kept longer must stand before what is kept shorter, so one
    /// hour after five minutes becomes five minutes.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, mark: Mark) {
        let start = out.len();
        out.extend_from_slice(br#","cache_control":{"type":"ephemeral""#);
        self.short |= mark == Mark::FiveMinutes;
        if !self.short {
            out.extend_from_slice(br#","ttl":"1h""#);
        }
        out.push(b'}');
        self.written.push(start..out.len());
    }

    /// Keeps the last marks: those of the longest prefixes. `others` is how many there are besides.
    pub(super) fn keep_last(&mut self, out: &mut Vec<u8>, others: usize) {
        let surplus = self.written.len().saturating_sub(MAX_MARKS.saturating_sub(others));
        if surplus == 0 {
            return;
        }
        let mut kept = Vec::with_capacity(out.capacity());
        let mut from = 0;
        for mark in self.written.drain(..surplus) {
            kept.extend_from_slice(&out[from..mark.start]);
            from = mark.end;
        }
        kept.extend_from_slice(&out[from..]);
        self.written.clear();
        *out = kept;
    }
}
