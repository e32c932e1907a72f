//! Why the model stopped.

use crate::chat::FinishReason;

/// OpenAI's reason, and whether it says less than Converse's own word.
pub(super) fn finish_reason(word: &str) -> (FinishReason, bool) {
    match word {
        "end_turn" | "stop_sequence" => (FinishReason::Stop, false),
        "tool_use" => (FinishReason::ToolCalls, false),
        "max_tokens" => (FinishReason::Length, false),
        "model_context_window_exceeded" => (FinishReason::Length, true),
        // Converse has two words for what OpenAI has one for.
        "guardrail_intervened" | "content_filtered" => (FinishReason::ContentFilter, false),
        _ => (FinishReason::Stop, true),
    }
}

/// Whether the model failed to write what it wanted to.
pub(super) fn is_malformed(word: &str) -> bool {
    matches!(word, "malformed_model_output" | "malformed_tool_use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_one_of_openais() {
        use FinishReason::{ContentFilter, Length, Stop, ToolCalls};
        for (word, reason, native) in [
            ("end_turn", Stop, false),
            ("stop_sequence", Stop, false),
            ("tool_use", ToolCalls, false),
            ("max_tokens", Length, false),
            ("model_context_window_exceeded", Length, true),
            ("guardrail_intervened", ContentFilter, false),
            ("content_filtered", ContentFilter, false),
            ("malformed_tool_use", Stop, true),
            ("something_new", Stop, true),
        ] {
            assert_eq!(finish_reason(word), (reason, native), "{word}");
        }
        assert!(is_malformed("malformed_model_output") && !is_malformed("end_turn"));
    }
}
