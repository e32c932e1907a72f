//! Why the model stopped.

use crate::chat::{FinishReason, Sink};
use crate::json::{Raw, Text};
use crate::translate::decode::{Unreadable, string};

/// What the provider has said so far about why it stopped.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    reason: Option<String>,
    explanation: Option<String>,
}

impl Stop {
    /// Takes a `stop_reason` and the `stop_details` beside it; `null` and absent say nothing new.
    pub(super) fn note(&mut self, reason: Option<Raw<'_>>, details: Option<Raw<'_>>) -> Result<(), Unreadable> {
        let reason = string(reason)?;
        if !reason.is_empty() {
            self.reason = Some(reason.to_str().into_owned());
        }
        if let Some(explanation) = details.and_then(|details| details.get("explanation")).and_then(Raw::as_str) {
            self.explanation = Some(explanation.into_owned());
        }
        Ok(())
    }

    /// Whether there is a reason.
    pub(super) fn is_known(&self) -> bool {
        self.reason.is_some()
    }

    /// Tells the reason. `answered` is whether the tool that was called stands for the answer itself.
    pub(super) fn tell(&self, answered: bool, sink: &mut impl Sink) {
        let word = self.reason.as_deref();
        let (reason, native) = match finish_reason(word) {
            (FinishReason::ToolCalls, _) if answered => (FinishReason::Stop, false),
            mapped => mapped,
        };
        if let Some(explanation) = self.explanation.as_deref().filter(|_| reason == FinishReason::ContentFilter) {
            sink.refusal(Text::plain(explanation));
        }
        sink.finish(reason, word.filter(|_| native).map(Text::plain));
    }
}

/// OpenAI's reason, and whether it says less than the provider's own word.
fn finish_reason(word: Option<&str>) -> (FinishReason, bool) {
    match word {
        None | Some("end_turn" | "stop_sequence") => (FinishReason::Stop, false),
        Some("tool_use") => (FinishReason::ToolCalls, false),
        Some("max_tokens") => (FinishReason::Length, false),
        // The answer is incomplete: the host would have to send it back for the rest.
        Some("model_context_window_exceeded" | "pause_turn") => (FinishReason::Length, true),
        Some("refusal") => (FinishReason::ContentFilter, true),
        Some(_) => (FinishReason::Stop, true),
    }
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
            ("pause_turn", Length, true),
            ("refusal", ContentFilter, true),
            ("something_new", Stop, true),
        ] {
            assert_eq!(finish_reason(Some(word)), (reason, native), "{word}");
        }
        assert_eq!(finish_reason(None), (Stop, false));
    }
}
