//! What is mended in the answers of servers that say some things in another way than OpenAI.

/// What is mended in a server's answers, for the client; the ledger reads every form anyhow. By default nothing: the bytes
/// come back as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Repairs {
    /// Remove members that are `null` from deltas, where OpenAI has none (SGLang, Fireworks, Cloudflare), and tell the role
    /// once (Perplexity).
    pub(super) null_deltas: bool,
    /// Tell usage that stands in the choice, in `x_groq` or in every chunk in one chunk of OpenAI's form at the end.
    pub(super) usage: bool,
    /// Add reasoning tokens to the completion's, where they stand outside of it (xAI).
    pub(super) reasoning_outside: bool,
    /// Content as an array of `thinking` and `text` parts becomes a string and `reasoning_content` (Mistral).
    pub(super) content_parts: bool,
    /// `reasoning` is also told as `reasoning_content` (vLLM, OpenRouter, Groq, Ollama).
    pub(super) mirror_reasoning: bool,
    /// Words for `finish_reason` that OpenAI does not have become one that it has.
    pub(super) finish_reasons: bool,
    /// Words for `service_tier` that OpenAI does not have become one that it has (Groq).
    pub(super) service_tiers: bool,
    /// Chunks without an id, and chunks that carry only Azure's filter results, take OpenAI's form.
    pub(super) azure: bool,
    /// The answer names the model that the client asked for: the server's name is a path of its own (llama.cpp).
    pub(super) model_name: bool,
    /// The server's own words about a failure may be passed on: it is a public one, and they are meant for its users.
    pub(super) quoted_errors: bool,
}

impl Repairs {
    /// The answer as it comes.
    pub(super) const NONE: Self = Self {
        null_deltas: false,
        usage: false,
        reasoning_outside: false,
        content_parts: false,
        mirror_reasoning: false,
        finish_reasons: false,
        service_tiers: false,
        azure: false,
        model_name: false,
        quoted_errors: false,
    };

    /// Azure's.
    pub(super) const AZURE: Self = Self { azure: true, ..Self::NONE };

    /// Whether chunks and messages are written anew.
    pub(super) fn any(self) -> bool {
        Self { quoted_errors: false, ..self } != Self::NONE
    }

    /// What they are, for people.
    #[cfg(test)]
    pub(super) fn names(self) -> Vec<&'static str> {
        let all = [
            (self.null_deltas, "no `null` in deltas"),
            (self.usage, "usage in OpenAI's place"),
            (self.reasoning_outside, "reasoning counted into the completion"),
            (self.content_parts, "parts of content as text and `reasoning_content`"),
            (self.mirror_reasoning, "`reasoning` also as `reasoning_content`"),
            (self.finish_reasons, "finish reasons of OpenAI's"),
            (self.service_tiers, "service tiers of OpenAI's"),
            (self.model_name, "the client's name of the model"),
            (self.quoted_errors, "its own words about failures"),
        ];
        all.into_iter().filter(|(is_on, _)| *is_on).map(|(_, name)| name).collect()
    }
}
