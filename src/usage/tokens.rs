//! The tokens of one answer.

use bytes::BufMut;

use crate::json::{Fault, Kind, Raw, Scanner, write_u64};

/// The tokens of one answer, in disjoint classes: each token is counted in exactly one field.
///
/// Providers disagree on what their totals contain: OpenAI's `prompt_tokens` includes cached tokens, Anthropic's
/// `input_tokens` does not; Gemini's candidates exclude thoughts, OpenAI's completion includes them. Disjoint classes are
/// the one form in which a price can be applied without knowing where a figure came from. OpenAI's view is derived.
///
/// ```
/// use tower_completions::Usage;
///
/// let usage = Usage { input: 10, cache_read: 100, cache_write: 5, output: 9, ..Usage::default() };
/// assert_eq!(usage.prompt_tokens(), 115);
/// assert_eq!(usage.total_tokens(), 124);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens that no cache was involved in.
    pub input: u64,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: u64,
    /// Prompt tokens written to the provider's cache for its default time (Anthropic: 5 minutes).
    pub cache_write: u64,
    /// Prompt tokens written to the provider's cache for an hour.
    pub cache_write_1h: u64,
    /// Prompt tokens of audio.
    pub input_audio: u64,
    /// Completion tokens that are neither reasoning nor audio.
    pub output: u64,
    /// Completion tokens spent on reasoning.
    pub reasoning: u64,
    /// Completion tokens of audio.
    pub output_audio: u64,
}

impl Usage {
    /// Both together, class by class.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
            input_audio: self.input_audio.saturating_add(other.input_audio),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            output_audio: self.output_audio.saturating_add(other.output_audio),
        }
    }

    /// OpenAI's `prompt_tokens`: everything that went in.
    pub fn prompt_tokens(&self) -> u64 {
        [self.input, self.cache_read, self.cache_write_tokens(), self.input_audio]
            .iter()
            .fold(0, |a, b| a.saturating_add(*b))
    }

    /// OpenAI's `completion_tokens`: everything that came out.
    pub fn completion_tokens(&self) -> u64 {
        self.output.saturating_add(self.reasoning).saturating_add(self.output_audio)
    }

    /// OpenAI's `total_tokens`.
    pub fn total_tokens(&self) -> u64 {
        self.prompt_tokens().saturating_add(self.completion_tokens())
    }

    /// OpenAI's `cache_write_tokens`: written to a cache, for whatever time.
    pub fn cache_write_tokens(&self) -> u64 {
        self.cache_write.saturating_add(self.cache_write_1h)
    }

    /// Reads OpenAI's `usage` object, with the places where compatible servers put their cached tokens.
    ///
    /// A class that is larger than the total that should contain it counts up to that total.
    pub fn from_openai(usage: Raw<'_>) -> Option<Self> {
        if usage.kind() != Kind::Object {
            return None;
        }
        Self::scan_openai(usage.text(), &mut Scanner::checked(usage.text())).ok().flatten()
    }

    /// The same for the object that is next, in the pass that checks it.
    pub(crate) fn scan_openai<'a>(text: &'a str, scanner: &mut Scanner<'a>) -> Result<Option<Self>, Fault> {
        let mut totals = Totals::default();
        scanner.object(|scanner, key| match &text[key] {
            "prompt_tokens" => count(text, scanner).map(|tokens| totals.prompt = tokens),
            "completion_tokens" => count(text, scanner).map(|tokens| totals.completion = tokens),
            "total_tokens" => count(text, scanner).map(|tokens| totals.total = tokens),
            // DeepSeek; Moonshot; Mistral.
            "prompt_cache_hit_tokens" | "cached_tokens" | "num_cached_tokens" => totals.add_cached(text, scanner),
            "prompt_tokens_details" if scanner.kind()? == Kind::Object => {
                scanner.object(|scanner, key| match &text[key] {
                    "cached_tokens" => totals.add_cached(text, scanner),
                    "cache_write_tokens" => count(text, scanner).map(|tokens| totals.written = tokens.unwrap_or(0)),
                    "audio_tokens" => count(text, scanner).map(|tokens| totals.audio_in = tokens.unwrap_or(0)),
                    _ => scanner.skip(),
                })
            }
            "completion_tokens_details" if scanner.kind()? == Kind::Object => {
                scanner.object(|scanner, key| match &text[key] {
                    "reasoning_tokens" => count(text, scanner).map(|tokens| totals.reasoning = tokens.unwrap_or(0)),
                    "audio_tokens" => count(text, scanner).map(|tokens| totals.audio_out = tokens.unwrap_or(0)),
                    _ => scanner.skip(),
                })
            }
            _ => scanner.skip(),
        })?;
        Ok(totals.classes())
    }

    /// Appends OpenAI's `usage` object.
    pub fn write_openai(&self, out: &mut impl BufMut) {
        let mut field = |name: &[u8], number: u64| {
            out.put_slice(name);
            write_u64(out, number);
        };
        field(br#"{"prompt_tokens":"#, self.prompt_tokens());
        field(br#","completion_tokens":"#, self.completion_tokens());
        field(br#","total_tokens":"#, self.total_tokens());
        field(br#","prompt_tokens_details":{"cached_tokens":"#, self.cache_read);
        field(br#","cache_write_tokens":"#, self.cache_write_tokens());
        if self.input_audio > 0 {
            field(br#","audio_tokens":"#, self.input_audio);
        }
        field(br#"},"completion_tokens_details":{"reasoning_tokens":"#, self.reasoning);
        if self.output_audio > 0 {
            field(br#","audio_tokens":"#, self.output_audio);
        }
        out.put_slice(b"}}");
    }
}

/// The figures of OpenAI's `usage` object, which overlap.
#[derive(Default)]
struct Totals {
    prompt: Option<u64>,
    completion: Option<u64>,
    total: Option<u64>,
    cached: u64,
    written: u64,
    audio_in: u64,
    audio_out: u64,
    reasoning: u64,
}

impl Totals {
    fn add_cached<'a>(&mut self, text: &'a str, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        self.cached = self.cached.max(count(text, scanner)?.unwrap_or(0));
        Ok(())
    }

    /// The disjoint classes, if there is a figure at all.
    fn classes(self) -> Option<Usage> {
        if self.prompt.is_none() && self.completion.is_none() {
            return None;
        }
        let mut rest_in = self.prompt.unwrap_or(0);
        let mut rest_out = self.completion.unwrap_or(0);
        // xAI counts reasoning beside the completion, and only the total tells.
        let apart = rest_in.saturating_add(rest_out).saturating_add(self.reasoning);
        if self.reasoning > 0 && self.total == Some(apart) {
            rest_out = rest_out.saturating_add(self.reasoning);
        }
        let cache_read = split_off(&mut rest_in, self.cached);
        let cache_write = split_off(&mut rest_in, self.written);
        let input_audio = split_off(&mut rest_in, self.audio_in);
        let reasoning = split_off(&mut rest_out, self.reasoning);
        let output_audio = split_off(&mut rest_out, self.audio_out);
        Some(Usage {
            input: rest_in,
            cache_read,
            cache_write,
            cache_write_1h: 0,
            input_audio,
            output: rest_out,
            reasoning,
            output_audio,
        })
    }
}

/// The value that is next, if it is a count.
fn count<'a>(text: &'a str, scanner: &mut Scanner<'a>) -> Result<Option<u64>, Fault> {
    match scanner.count() {
        Some(count) => Ok(Some(count)),
        None => scanner.value().map(|span| Raw::checked(&text[span]).as_u64()),
    }
}

/// Takes up to `part` off a total.
fn split_off(total: &mut u64, part: u64) -> u64 {
    let part = part.min(*total);
    *total -= part;
    part
}

/// Where a [`Usage`] comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageSource {
    /// There is none.
    #[default]
    None,
    /// The provider reported it with a complete answer.
    Reported,
    /// The provider reported it, and then the answer broke off: at least this much was used.
    Partial,
    /// Nobody reported it: it was counted from what was sent and delivered, one token for every four bytes.
    Estimated,
}

impl UsageSource {
    /// The word for it in a usage log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reported => "reported",
            Self::Partial => "partial",
            Self::Estimated => "estimated",
        }
    }
}

/// What this many bytes of text count for where no provider counts them: one token for every four, rounded up.
///
/// ```
/// assert_eq!(tower_completions::usage::estimated_tokens(9), 3);
/// ```
pub fn estimated_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Usage {
        Usage::from_openai(Raw::parse(json).unwrap()).unwrap()
    }

    #[test]
    fn details_that_are_none_say_nothing() {
        let usage = read(
            r#"{"prompt_tokens_details":null,"completion_tokens_details":7,"prompt_tokens":3,"completion_tokens":2.0}"#,
        );
        assert_eq!((usage.input, usage.output, usage.total_tokens()), (3, 2, 5));
    }

    #[test]
    fn openai_totals_are_taken_apart() {
        let usage = read(
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
                "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10,"audio_tokens":5},
                "completion_tokens_details":{"reasoning_tokens":30,"audio_tokens":1}}"#,
        );
        let expected = Usage {
            input: 25,
            cache_read: 60,
            cache_write: 10,
            cache_write_1h: 0,
            input_audio: 5,
            output: 19,
            reasoning: 30,
            output_audio: 1,
        };
        assert_eq!(usage, expected);
        assert_eq!((usage.prompt_tokens(), usage.completion_tokens(), usage.total_tokens()), (100, 50, 150));
    }

    #[test]
    fn a_part_never_exceeds_its_whole() {
        let usage = read(r#"{"prompt_tokens":3,"prompt_tokens_details":{"cached_tokens":9},"completion_tokens":null}"#);
        assert_eq!((usage.input, usage.cache_read, usage.prompt_tokens()), (0, 3, 3));
    }

    #[test]
    fn cached_tokens_are_found_where_compatible_servers_put_them() {
        for field in ["prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens"] {
            let usage = read(&format!(r#"{{"prompt_tokens":10,"completion_tokens":1,"{field}":4}}"#));
            assert_eq!((usage.input, usage.cache_read), (6, 4), "{field}");
        }
    }

    #[test]
    fn an_object_without_figures_is_no_usage() {
        assert_eq!(Usage::from_openai(Raw::parse("{}").unwrap()), None);
        assert_eq!(Usage::from_openai(Raw::parse("null").unwrap()), None);
    }

    #[test]
    fn what_is_written_reads_back() {
        let usage = Usage {
            input: 1,
            cache_read: 2,
            cache_write: 3,
            cache_write_1h: 0,
            input_audio: 4,
            output: 5,
            reasoning: 6,
            output_audio: 7,
        };
        let mut out = Vec::new();
        usage.write_openai(&mut out);
        assert_eq!(read(std::str::from_utf8(&out).unwrap()), usage);
    }
}
