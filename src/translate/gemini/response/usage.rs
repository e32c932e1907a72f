//! Gemini's token counts.

use crate::json::Raw;
use crate::usage::Usage;

/// The counts as they have been reported so far. They are cumulative: the last figure of each field counts, and a
/// field that is missing keeps what it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    prompt: Option<u64>,
    tool_use: u64,
    cached: u64,
    candidates: Option<u64>,
    thoughts: u64,
    total: Option<u64>,
    audio_in: u64,
    audio_out: u64,
}

/// The counts that grow from frame to frame, by the numbers that they have in a template.
const GROWING: [&str; 6] = [
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
];

/// The numbers of a `usageMetadata` object that may be others in the next frame, and their names for [`Tally::set`].
pub(super) fn growing(usage: Raw<'_>) -> impl Iterator<Item = (u8, &str)> {
    usage.fields().filter(|(_, value)| value.as_u64().is_some()).filter_map(|(key, value)| {
        let at = GROWING.iter().position(|name| key.eq_str(name))?;
        Some((u8::try_from(at).ok()?, value.text()))
    })
}

impl Tally {
    /// One count, by its name in [`growing`].
    pub(super) fn set(&mut self, name: u8, count: u64) {
        match name {
            0 => self.prompt = Some(count),
            1 => self.tool_use = count,
            2 => self.cached = count,
            3 => self.candidates = Some(count),
            4 => self.thoughts = count,
            _ => self.total = Some(count),
        }
    }

    /// Takes a `usageMetadata` object; anything else says nothing.
    pub(super) fn merge(&mut self, usage: Raw<'_>) {
        for (key, value) in usage.fields() {
            let count = value.as_u64();
            match &*key.to_str() {
                "promptTokenCount" => self.prompt = count.or(self.prompt),
                "toolUsePromptTokenCount" => self.tool_use = count.unwrap_or(self.tool_use),
                "cachedContentTokenCount" => self.cached = count.unwrap_or(self.cached),
                "candidatesTokenCount" => self.candidates = count.or(self.candidates),
                "thoughtsTokenCount" => self.thoughts = count.unwrap_or(self.thoughts),
                "totalTokenCount" => self.total = count.or(self.total),
                "promptTokensDetails" => self.audio_in = audio(value),
                "candidatesTokensDetails" => self.audio_out = audio(value),
                _ => {}
            }
        }
    }

    /// The counts in disjoint classes, once anything is known.
    pub(super) fn usage(&self) -> Option<Usage> {
        if self.prompt.is_none() && self.candidates.is_none() {
            return None;
        }
        let prompt = self.prompt.unwrap_or(0);
        let cache_read = self.cached.min(prompt);
        let input_audio = self.audio_in.min(prompt - cache_read);
        let candidates = self.candidates.unwrap_or(0);
        // Some models count the thoughts with the candidates, and only the total tells.
        let sum = prompt.saturating_add(self.tool_use).saturating_add(candidates);
        let is_inclusive = self.thoughts > 0 && self.total == Some(sum);
        let visible = if is_inclusive { candidates.saturating_sub(self.thoughts) } else { candidates };
        let reasoning = if is_inclusive { self.thoughts.min(candidates) } else { self.thoughts };
        let output_audio = self.audio_out.min(visible);
        Some(Usage {
            input: (prompt - cache_read - input_audio).saturating_add(self.tool_use),
            cache_read,
            input_audio,
            output: visible - output_audio,
            reasoning,
            output_audio,
            ..Usage::default()
        })
    }
}

/// The tokens of audio in a list of counts by modality.
fn audio(details: Raw<'_>) -> u64 {
    let is_audio =
        |entry: &Raw<'_>| entry.get("modality").and_then(Raw::as_text).is_some_and(|modality| modality.eq_str("AUDIO"));
    let counts = details.elements().filter(is_audio).filter_map(|entry| entry.get("tokenCount")?.as_u64());
    counts.fold(0, u64::saturating_add)
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
    fn thoughts_are_beside_the_candidates_or_among_them() {
        let beside = r#"{"promptTokenCount":40,"cachedContentTokenCount":16,"candidatesTokenCount":3,"thoughtsTokenCount":20,"totalTokenCount":63}"#;
        let expected = Usage { input: 24, cache_read: 16, output: 3, reasoning: 20, ..Usage::default() };
        assert_eq!(usage(&[beside]), Some(expected));
        let among = r#"{"promptTokenCount":40,"candidatesTokenCount":23,"thoughtsTokenCount":20,"totalTokenCount":63}"#;
        let among = usage(&[among]).unwrap();
        assert_eq!((among.output, among.reasoning, among.completion_tokens()), (3, 20, 23));
    }

    #[test]
    fn the_last_figure_of_each_field_counts() {
        let reports = [
            r#"{"trafficType":"ON_DEMAND"}"#,
            r#"{"promptTokenCount":30,"candidatesTokenCount":4,"totalTokenCount":34}"#,
            r#"{"promptTokenCount":30,"totalTokenCount":34}"#,
            r#"{"candidatesTokenCount":18,"toolUsePromptTokenCount":2,"totalTokenCount":50}"#,
        ];
        assert_eq!(usage(&reports[..1]), None);
        assert_eq!(usage(&reports), Some(Usage { input: 32, output: 18, ..Usage::default() }));
    }

    #[test]
    fn audio_is_a_class_of_its_own() {
        let report = r#"{"promptTokenCount":30,"candidatesTokenCount":9,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":5},{"modality":"AUDIO","tokenCount":25}],
            "candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":99}]}"#;
        let expected = Usage { input: 5, input_audio: 25, output_audio: 9, ..Usage::default() };
        assert_eq!(usage(&[report]), Some(expected));
    }

    #[test]
    fn audio_is_no_more_than_what_was_not_cached() {
        let report = r#"{"promptTokenCount":30,"cachedContentTokenCount":20,"candidatesTokenCount":1,
            "promptTokensDetails":[{"modality":"AUDIO","tokenCount":25}]}"#;
        let expected = Usage { cache_read: 20, input_audio: 10, output: 1, ..Usage::default() };
        assert_eq!(usage(&[report]), Some(expected));
    }
}
