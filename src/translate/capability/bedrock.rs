//! What each model takes on Bedrock: data, because it changes monthly.

use super::claude;

/// What a model takes. The host overrides it with
/// [`Bedrock::model_capabilities`](crate::translate::Bedrock::model_capabilities); for an ARN, of which the name tells
/// nothing, it should.
///
/// ```
/// use tower_completions::translate::bedrock::{Capabilities, Claude, Reasoning};
///
/// let claude = Capabilities::claude(Claude::of("claude-sonnet-4-5"));
/// let imported = Capabilities::unknown().reasoning(Reasoning::Effort);
/// # let _ = (claude, imported);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    pub(in crate::translate) reasoning: Reasoning,
    pub(in crate::translate) cache: Cache,
    pub(in crate::translate) text_after_results: bool,
    pub(in crate::translate) stop_sequences: bool,
    pub(in crate::translate) forced_tools: bool,
}

/// How a model is asked to reason, in `additionalModelRequestFields`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reasoning {
    /// It cannot be asked.
    None,
    /// As this Claude: `thinking` and `output_config`.
    Claude(claude::Capabilities),
    /// As Amazon's Nova 2: `reasoningConfig`.
    Nova,
    /// With OpenAI's own `reasoning_effort`, as gpt-oss.
    Effort,
    /// With `reasoning.effort`, as newer models of OpenAI's.
    Nested,
}

/// How long a marked prefix of a prompt is kept (`cachePoint`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cache {
    /// The model knows no marks: they are left out.
    None,
    /// Five minutes, whatever the mark asks for.
    FiveMinutes,
    /// Five minutes or an hour.
    OneHour,
}

/// What holds for the models whose id has this in it; of two that match, the later one holds.
struct Rule {
    id: &'static str,
    change: fn(&mut Capabilities),
    /// What the change is, for people.
    #[allow(dead_code, reason = "read by the test that writes docs/providers.md")]
    what: &'static str,
    /// Where that is known from.
    #[allow(dead_code, reason = "read by the test that writes docs/providers.md")]
    source: &'static str,
}

const USER_GUIDE: &str = "[Bedrock's user guide](https://docs.aws.amazon.com/bedrock/latest/userguide/)";
const SURVEY: &str = "LiteLLM 1.109.1 (`llms/bedrock/chat`)";

const RULES: &[Rule] = &[
    Rule {
        id: "amazon.nova",
        change: |c| c.cache = Cache::FiveMinutes,
        what: "marks for the prompt cache, of five minutes",
        source: USER_GUIDE,
    },
    Rule {
        id: "amazon.nova-2",
        change: |c| c.reasoning = Reasoning::Nova,
        what: "reasons with `reasoningConfig`",
        source: SURVEY,
    },
    Rule {
        id: "openai.gpt-",
        change: |c| c.reasoning = Reasoning::Nested,
        what: "reasons with `reasoning.effort`",
        source: SURVEY,
    },
    Rule {
        id: "openai.gpt-oss",
        change: |c| (c.reasoning, c.stop_sequences) = (Reasoning::Effort, false),
        what: "reasons with `reasoning_effort`; takes no stop sequences",
        source: SURVEY,
    },
    Rule {
        id: "deepseek.v3",
        change: |c| c.reasoning = Reasoning::Effort,
        what: "reasons with `reasoning_effort`",
        source: SURVEY,
    },
    Rule {
        id: "meta.llama",
        change: |c| (c.text_after_results, c.forced_tools) = (false, false),
        what: "takes no text beside the results of tools, and no forced tools",
        source: "BerriAI/litellm#6053, and the user guide's table of features",
    },
    Rule {
        id: "mistral.mistral-large-2402",
        change: |c| c.text_after_results = false,
        what: "takes no text beside the results of tools",
        source: "BerriAI/litellm#6053",
    },
];

/// The rules for people: which models, what holds for them, and where that is known from.
#[cfg(test)]
pub(in crate::translate) fn rules() -> Vec<[String; 3]> {
    let claude = [
        "`anthropic.claude`".to_owned(),
        "as at Anthropic, by its version; marks for the prompt cache, of an hour since 4.5".to_owned(),
        USER_GUIDE.to_owned(),
    ];
    let line = |rule: &Rule| [format!("`{}…`", rule.id), rule.what.to_owned(), rule.source.to_owned()];
    std::iter::once(claude).chain(RULES.iter().map(line)).collect()
}

impl Capabilities {
    /// What the model of this id takes, by its name, with or without the prefix of a region (`eu.`, `global.`). An ARN
    /// counts by the name that stands in it, if there is one.
    pub fn of(model: &str) -> Self {
        let claude = claude::Capabilities::of(model);
        if claude != claude::Capabilities::unknown() {
            return Self::claude(claude);
        }
        let model = model.to_ascii_lowercase();
        let mut capabilities = Self::unknown();
        for rule in RULES.iter().filter(|rule| model.contains(rule.id)) {
            (rule.change)(&mut capabilities);
        }
        capabilities
    }

    /// What this Claude takes.
    pub fn claude(claude: claude::Capabilities) -> Self {
        let cache = if claude.schemas { Cache::OneHour } else { Cache::FiveMinutes };
        Self { reasoning: Reasoning::Claude(claude), cache, forced_tools: claude.forced_tools, ..Self::unknown() }
    }

    /// What a model takes of which nothing is known: it cannot be asked to reason, has no marks for the prompt cache, and
    /// takes everything else.
    pub fn unknown() -> Self {
        Self {
            reasoning: Reasoning::None,
            cache: Cache::None,
            text_after_results: true,
            stop_sequences: true,
            forced_tools: true,
        }
    }

    /// How it is asked to reason.
    #[must_use]
    pub fn reasoning(self, reasoning: Reasoning) -> Self {
        Self { reasoning, ..self }
    }

    /// How long it keeps a marked prefix.
    #[must_use]
    pub fn cache(self, cache: Cache) -> Self {
        Self { cache, ..self }
    }

    /// Whether a user's text may stand in one turn with the results of tools.
    #[must_use]
    pub fn text_after_results(self, text_after_results: bool) -> Self {
        Self { text_after_results, ..self }
    }

    /// Whether it takes `stopSequences`; otherwise `stop` is refused.
    #[must_use]
    pub fn stop_sequences(self, stop_sequences: bool) -> Self {
        Self { stop_sequences, ..self }
    }

    /// Whether a `tool_choice` may force a call.
    #[must_use]
    pub fn forced_tools(self, forced_tools: bool) -> Self {
        Self { forced_tools, ..self }
    }

    /// The Claude that it is.
    pub(in crate::translate) fn as_claude(&self) -> Option<&claude::Capabilities> {
        if let Reasoning::Claude(claude) = &self.reasoning { Some(claude) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_by_their_ids() {
        let of = Capabilities::of;
        let sonnet = Capabilities::claude(claude::Capabilities::of("claude-sonnet-4-5"));
        assert_eq!(of("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), sonnet);
        assert_eq!(sonnet.cache, Cache::OneHour);
        assert_eq!(of("anthropic.claude-sonnet-4-20250514-v1:0").cache, Cache::FiveMinutes);
        assert_eq!(of("eu.amazon.nova-pro-v1:0").reasoning, Reasoning::None);
        assert_eq!(of("global.amazon.nova-2-lite-v1:0").reasoning, Reasoning::Nova);
        assert_eq!(of("openai.gpt-oss-120b-1:0").reasoning, Reasoning::Effort);
        assert_eq!(of("openai.gpt-5-v1:0").reasoning, Reasoning::Nested);
        assert!(!of("us.meta.llama3-2-90b-instruct-v1:0").text_after_results);
        let profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
        assert_eq!(of(profile), Capabilities::unknown());
        let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0";
        assert_eq!(of(arn), sonnet);
    }
}
