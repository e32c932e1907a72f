//! Anthropic's token counts.

use crate::json::Raw;
use crate::usage::Usage;

/// The counts as they have been reported so far. They are cumulative: the last figure of each field counts, and a
/// field that is missing or `null` keeps what it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally([Option<u64>; CLASSES]);

const CLASSES: usize = 7;
const INPUT: usize = 0;
const CACHE_READ: usize = 1;
const CACHE_WRITE: usize = 2;
const CACHE_WRITE_5M: usize = 3;
const CACHE_WRITE_1H: usize = 4;
const OUTPUT: usize = 5;
const THINKING: usize = 6;

impl Tally {
    /// Takes a `usage` object; anything else says nothing.
    pub(super) fn merge(&mut self, usage: Raw<'_>) {
        let iterations = self.each(usage, |_, count| count);
        // With compaction, the totals count the last round only; the rounds together are what is billed.
        let mut rounds = Self::default();
        for round in iterations.into_iter().flat_map(Raw::elements) {
            rounds.each(round, u64::saturating_add);
        }
        for (place, sum) in self.0.iter_mut().zip(rounds.0) {
            *place = sum.or(*place);
        }
    }

    /// Joins each count in an object, and in the details in it, with what there is of it. The rounds in it, if there are any.
    fn each<'a>(&mut self, usage: Raw<'a>, join: fn(u64, u64) -> u64) -> Option<Raw<'a>> {
        let mut iterations = None;
        for (key, value) in usage.fields() {
            match &*key.to_str() {
                "cache_creation" | "output_tokens_details" => self.counts(value, join),
                "iterations" => iterations = Some(value),
                key => self.count(key, value, join),
            }
        }
        iterations
    }

    fn counts(&mut self, details: Raw<'_>, join: fn(u64, u64) -> u64) {
        for (key, value) in details.fields() {
            self.count(&key.to_str(), value, join);
        }
    }

    fn count(&mut self, key: &str, value: Raw<'_>, join: fn(u64, u64) -> u64) {
        let class = match key {
            "input_tokens" => INPUT,
            "cache_read_input_tokens" => CACHE_READ,
            "cache_creation_input_tokens" => CACHE_WRITE,
            "ephemeral_5m_input_tokens" => CACHE_WRITE_5M,
            "ephemeral_1h_input_tokens" => CACHE_WRITE_1H,
            "output_tokens" => OUTPUT,
            "thinking_tokens" => THINKING,
            _ => return,
        };
        if let Some(count) = value.as_u64() {
            self.0[class] = Some(join(self.0[class].unwrap_or(0), count));
        }
    }

    /// The counts in disjoint classes, once anything is known.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.0.iter().any(Option::is_some).then(|| {
            let count = |class: usize| self.0[class].unwrap_or(0);
            // Each of the two is what the other cannot exceed; where only the parts are reported, they are the whole.
            let parts = count(CACHE_WRITE_5M).saturating_add(count(CACHE_WRITE_1H));
            let written = self.0[CACHE_WRITE].unwrap_or(parts);
            let cache_write_1h = count(CACHE_WRITE_1H).min(written);
            let reasoning = count(THINKING).min(count(OUTPUT));
            Usage {
                input: count(INPUT),
                cache_read: count(CACHE_READ),
                cache_write: written - cache_write_1h,
                cache_write_1h,
                output: count(OUTPUT) - reasoning,
                reasoning,
                ..Usage::default()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(reports: &[&str]) -> Option<Usage> {
        let mut tally = Tally::default();
        for report in reports {
            tally.merge(Raw::parse(report).unwrap());
        }
        tally.usage()
    }

    #[test]
    fn the_last_figure_of_each_field_counts() {
        let start =
            r#"{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":1}"#;
        let end = r#"{"input_tokens":null,"output_tokens":9}"#;
        let expected = Usage { input: 10, cache_read: 100, cache_write: 5, output: 9, ..Usage::default() };
        assert_eq!(usage(&[start, end]), Some(expected));
        assert_eq!(usage(&["{}", "null", "[]", r#"{"service_tier":"standard"}"#]), None);
    }

    #[test]
    fn cache_writes_are_split_by_their_time() {
        let both = r#"{"cache_creation_input_tokens":70,"cache_creation":{"ephemeral_5m_input_tokens":30,"ephemeral_1h_input_tokens":40}}"#;
        let parts = r#"{"cache_creation":{"ephemeral_5m_input_tokens":30,"ephemeral_1h_input_tokens":40}}"#;
        for report in [both, parts] {
            let usage = usage(&[report]).unwrap();
            assert_eq!((usage.cache_write, usage.cache_write_1h), (30, 40));
        }
    }

    #[test]
    fn thinking_is_taken_out_of_the_output() {
        let usage = usage(&[r#"{"output_tokens":25,"output_tokens_details":{"thinking_tokens":18}}"#]).unwrap();
        assert_eq!((usage.output, usage.reasoning, usage.completion_tokens()), (7, 18, 25));
    }

    #[test]
    fn details_have_no_details() {
        let nested = |levels: usize| {
            let inside = format!(r#"{{"input_tokens":7,"x":"{}"}}"#, "x".repeat(1 << 20));
            format!("{}{inside}{}", r#"{"cache_creation":"#.repeat(levels), "}".repeat(levels))
        };
        assert_eq!(usage(&[&nested(1)]).unwrap().input, 7);
        assert_eq!(usage(&[&nested(2)]), None);
        let deepest = nested(127);
        assert_eq!(usage(&[&*deepest; 20]), None, "in no time");
    }

    #[test]
    fn rounds_replace_the_totals() {
        let report = r#"{"input_tokens":23,"output_tokens":10,"cache_read_input_tokens":4,"iterations":[
            {"type":"compaction","input_tokens":180,"output_tokens":3},{"type":"message","input_tokens":23,"output_tokens":10}]}"#;
        let usage = usage(&[report]).unwrap();
        assert_eq!((usage.input, usage.output, usage.cache_read), (203, 13, 4));
    }
}
