//! Why the model stopped.

use crate::chat::FinishReason;

/// What a `finishReason` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It said what it had to say, in text or in calls.
    Done,
    /// It reached a limit on tokens.
    Length,
    /// A filter stopped it.
    Filtered,
    /// It tried to call a tool, or to write something, and failed.
    Malformed,
    /// Something else, or something new.
    Other,
}

impl Meaning {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "STOP" => Self::Done,
            "MAX_TOKENS" | "CONTINUATION" => Self::Length,
            "SAFETY"
            | "RECITATION"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "LANGUAGE"
            | "MODEL_ARMOR"
            | "ESCALATION"
            | "PUP_LIMITED_DISABLED" => Self::Filtered,
            "MALFORMED_FUNCTION_CALL"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MALFORMED_RESPONSE"
            | "MISSING_THOUGHT_SIGNATURE" => Self::Malformed,
            word if word.starts_with("IMAGE_") => Self::Filtered,
            _ => Self::Other,
        }
    }

    /// OpenAI's reason, and whether it says less than Gemini's own word.
    pub(super) fn reason(self, has_calls: bool) -> (FinishReason, bool) {
        match self {
            Self::Done | Self::Other if has_calls => (FinishReason::ToolCalls, self == Self::Other),
            Self::Done => (FinishReason::Stop, false),
            Self::Length => (FinishReason::Length, false),
            Self::Filtered => (FinishReason::ContentFilter, true),
            Self::Malformed | Self::Other => (FinishReason::Stop, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_one_of_openais() {
        use FinishReason::{ContentFilter, Length, Stop, ToolCalls};
        for (words, without, with) in [
            ("STOP", (Stop, false), (ToolCalls, false)),
            ("MAX_TOKENS CONTINUATION", (Length, false), (Length, false)),
            (
                "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_OTHER LANGUAGE MODEL_ARMOR \
                 ESCALATION PUP_LIMITED_DISABLED",
                (ContentFilter, true),
                (ContentFilter, true),
            ),
            ("OTHER FINISH_REASON_UNSPECIFIED NO_IMAGE SOMETHING_NEW", (Stop, true), (ToolCalls, true)),
            (
                "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MALFORMED_RESPONSE \
                 MISSING_THOUGHT_SIGNATURE",
                (Stop, true),
                (Stop, true),
            ),
        ] {
            for word in words.split_whitespace() {
                assert_eq!(Meaning::of(word).reason(false), without, "{word}");
                assert_eq!(Meaning::of(word).reason(true), with, "{word} with calls");
            }
        }
    }
}
