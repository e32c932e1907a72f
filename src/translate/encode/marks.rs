//! Marks for the prompt cache.

use std::ops::Range;

use crate::json::Raw;

/// How many marks a request may have: at Anthropic, and for Claude and Nova on Bedrock.
const MAX_MARKS: usize = 4;

/// How long a marked prefix is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    FiveMinutes,
    OneHour,
}

impl Mark {
    /// What a `prompt_cache_breakpoint` or a `cache_control` asks for. A ttl of Anthropic's is taken as it is; OpenAI's
    /// (`30m`, `12h`) are both longer than five minutes.
    pub(crate) fn read(breakpoint: Raw<'_>) -> Option<Self> {
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

/// What a mark looks like, with its leading comma: a field of the block that it belongs to, or a block after it.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) start: &'static [u8],
    pub(crate) one_hour: &'static [u8],
    pub(crate) end: &'static [u8],
}

/// Where the marks stand that have been written, so that the surplus ones can be taken out again.
#[derive(Debug)]
pub(crate) struct Marks {
    form: &'static Form,
    written: Vec<Range<usize>>,
    short: bool,
}

impl Marks {
    pub(super) fn new(form: &'static Form) -> Self {
        Self { form, written: Vec::new(), short: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Writes a mark. What is kept longer must stand before what is kept shorter, so one hour after five minutes becomes
    /// five minutes.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, mark: Mark) {
        let start = out.len();
        out.extend_from_slice(self.form.start);
        self.short |= mark == Mark::FiveMinutes;
        if !self.short {
            out.extend_from_slice(self.form.one_hour);
        }
        out.extend_from_slice(self.form.end);
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
