//! Words for `finish_reason` that OpenAI does not have.

/// A word that says that the answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Mistral, OpenRouter: the server failed.
    Failed,
    /// DeepSeek: it had no room for more. What there is of the answer counts.
    Starved,
}

impl Failure {
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "error" => Some(Self::Failed),
            "insufficient_system_resource" => Some(Self::Starved),
            _ => None,
        }
    }
}

/// OpenAI's word for a server's, and whether it says less; `None` for a word that says nothing.
pub(super) fn mapped(word: &str) -> Option<(&'static str, bool)> {
    Some(match word {
        "" => return None,
        "stop" => ("stop", false),
        "length" => ("length", false),
        "tool_calls" => ("tool_calls", false),
        "content_filter" => ("content_filter", false),
        "function_call" => ("function_call", false),
        // Together, and Mistral.
        "eos" | "eos_token" => ("stop", false),
        "model_length" | "max_tokens" => ("length", false),
        // DeepSeek: the answer is incomplete.
        "insufficient_system_resource" => ("length", true),
        _ => ("stop", true),
    })
}

#[cfg(test)]
mod tests {
    use super::mapped;

    #[test]
    fn every_word_has_one_of_openais() {
        for word in ["stop", "length", "tool_calls", "content_filter"] {
            assert_eq!(mapped(word), Some((word, false)));
        }
        assert_eq!(mapped(""), None);
        assert_eq!(mapped("eos"), Some(("stop", false)));
        assert_eq!(mapped("model_length"), Some(("length", false)));
        assert_eq!(mapped("insufficient_system_resource"), Some(("length", true)));
        assert_eq!(mapped("abort"), Some(("stop", true)));
    }
}
