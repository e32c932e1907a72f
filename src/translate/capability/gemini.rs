//! What each Gemini model takes: data, because it changes monthly.

use std::ops::RangeFrom;

/// What a model takes. The host overrides it with
/// [`Gemini::model_capabilities`](crate::translate::Gemini::model_capabilities).
///
/// ```
/// use tower_completions::translate::gemini::{Capabilities, Thinking};
///
/// let flash = Capabilities::of("gemini-3-flash");
/// let gemma = Capabilities::unknown().thinking(Thinking::None);
/// # let _ = (flash, gemma);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    pub(in crate::translate) thinking: Thinking,
    pub(in crate::translate) sampling: bool,
    pub(in crate::translate) penalties: bool,
    pub(in crate::translate) json_schemas: bool,
    pub(in crate::translate) call_ids: bool,
    pub(in crate::translate) signatures: bool,
    pub(in crate::translate) media_results: bool,
}

/// How a model is asked to think (`generationConfig.thinkingConfig`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Thinking {
    /// It does not think.
    None,
    /// With `thinkingBudget`; 0 turns it off.
    Budget,
    /// With `thinkingBudget`; it cannot be turned off.
    BudgetAlways,
    /// With `thinkingLevel`: `LOW` or `HIGH`.
    TwoLevels,
    /// With `thinkingLevel`: these and `MEDIUM`.
    ThreeLevels,
    /// With `thinkingLevel`: these and `MINIMAL`.
    FourLevels,
}

/// What holds from some version on, for some families; of two rules that say different things the later one holds.
struct Rule {
    since: RangeFrom<Version>,
    family: Family,
    change: fn(&mut Capabilities),
    /// What the change is, for people.
    #[allow(dead_code, reason = "read by the test that writes docs/providers.md")]
    what: &'static str,
    /// Where that is known from.
    #[allow(dead_code, reason = "read by the test that writes docs/providers.md")]
    source: &'static str,
}

type Version = (u32, u32);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Any,
    Pro,
    Flash,
}

const THINKING: &str = "[Google's guide to thinking](https://ai.google.dev/gemini-api/docs/thinking)";
const SURVEY: &str = "LiteLLM 1.109.1 (`llms/vertex_ai/gemini`)";

const RULES: &[Rule] = &[
    Rule {
        since: (2, 0)..,
        family: Family::Any,
        change: |c| c.json_schemas = true,
        what: "full JSON Schemas: `responseJsonSchema` and `parametersJsonSchema`",
        source: SURVEY,
    },
    Rule {
        since: (2, 5)..,
        family: Family::Flash,
        change: |c| c.thinking = Thinking::Budget,
        what: "thinks, with a budget that may be 0",
        source: THINKING,
    },
    Rule {
        since: (2, 5)..,
        family: Family::Pro,
        change: |c| c.thinking = Thinking::BudgetAlways,
        what: "always thinks, with a budget",
        source: THINKING,
    },
    Rule {
        since: (3, 0)..,
        family: Family::Any,
        change: |c| (c.call_ids, c.signatures, c.media_results, c.penalties) = (true, true, true, false),
        what: "calls have ids, and the first of a step needs its signature; images in the results of tools; no penalties",
        source: "LiteLLM 1.109.1, and Google's guide to thought signatures",
    },
    Rule {
        since: (3, 0)..,
        family: Family::Flash,
        change: |c| c.thinking = Thinking::FourLevels,
        what: "thinks at one of the levels minimal, low, medium and high",
        source: THINKING,
    },
    Rule {
        since: (3, 0)..,
        family: Family::Pro,
        change: |c| c.thinking = Thinking::TwoLevels,
        what: "thinks at one of the levels low and high",
        source: THINKING,
    },
    Rule {
        since: (3, 1)..,
        family: Family::Pro,
        change: |c| c.thinking = Thinking::ThreeLevels,
        what: "the level medium too",
        source: THINKING,
    },
];

/// The rules for people: which models, what holds for them, and where that is known from.
#[cfg(test)]
pub(in crate::translate) fn rules() -> Vec<[String; 3]> {
    let line = |rule: &Rule| {
        let (major, minor) = rule.since.start;
        let family = match rule.family {
            Family::Any => "",
            Family::Pro => ", Pro",
            Family::Flash => ", Flash",
        };
        [format!("since {major}.{minor}{family}"), rule.what.to_owned(), rule.source.to_owned()]
    };
    RULES.iter().map(line).collect()
}

impl Capabilities {
    /// What the model of this id takes, by its name: `gemini-<version>-<family>…`, with or without a prefix (`models/`,
    /// `google/`).
    ///
    /// A Gemini without a version (`gemini-flash-latest`) counts as the newest one, and one that is neither Pro nor Flash
    /// as Flash. What is no Gemini is [`unknown`](Self::unknown).
    pub fn of(model: &str) -> Self {
        let Some((family, version)) = parse(model) else { return Self::unknown() };
        let mut capabilities = Self { thinking: Thinking::None, json_schemas: false, ..Self::unknown() };
        for rule in RULES.iter().filter(|rule| rule.since.contains(&version)) {
            if rule.family == Family::Any || rule.family == family {
                (rule.change)(&mut capabilities);
            }
        }
        capabilities
    }

    /// What a model takes of which nothing is known, such as a Gemma or a tuned model: sampling parameters, penalties and
    /// full JSON Schemas; thinking has a budget; calls have neither ids nor signatures, and the results of tools are text.
    pub fn unknown() -> Self {
        Self {
            thinking: Thinking::Budget,
            sampling: true,
            penalties: true,
            json_schemas: true,
            call_ids: false,
            signatures: false,
            media_results: false,
        }
    }

    /// How it is asked to think.
    #[must_use]
    pub fn thinking(self, thinking: Thinking) -> Self {
        Self { thinking, ..self }
    }

    /// Whether it takes `temperature`, `topP` and `topK`; otherwise they are left out and reported.
    #[must_use]
    pub fn sampling(self, sampling: bool) -> Self {
        Self { sampling, ..self }
    }

    /// Whether it takes `presencePenalty` and `frequencyPenalty`; otherwise they are left out and reported.
    #[must_use]
    pub fn penalties(self, penalties: bool) -> Self {
        Self { penalties, ..self }
    }

    /// Whether it takes JSON Schemas as they are; otherwise they are rewritten to the part of OpenAPI's schemas that older
    /// models know, with every `$ref` replaced by what it refers to.
    #[must_use]
    pub fn json_schemas(self, json_schemas: bool) -> Self {
        Self { json_schemas, ..self }
    }

    /// Whether `functionCall` and `functionResponse` carry an `id`, which older models refuse.
    #[must_use]
    pub fn call_ids(self, call_ids: bool) -> Self {
        Self { call_ids, ..self }
    }

    /// Whether the first call of each step must have a `thoughtSignature`. For a call that comes from another model, it is
    /// then Google's word for none.
    #[must_use]
    pub fn signatures(self, signatures: bool) -> Self {
        Self { signatures, ..self }
    }

    /// Whether the result of a tool may hold images; otherwise they stand beside it.
    #[must_use]
    pub fn media_results(self, media_results: bool) -> Self {
        Self { media_results, ..self }
    }
}

/// The family and the version in the id of a Gemini model.
fn parse(model: &str) -> Option<(Family, Version)> {
    const NEWEST: Version = (u32::MAX, 0);
    let model = model.to_ascii_lowercase();
    let name = model.rsplit('/').next()?.strip_prefix("gemini")?;
    if !(name.is_empty() || name.starts_with('-')) {
        return None;
    }
    let (mut family, mut version) = (Family::Flash, None);
    for word in name.split('-').filter(|word| !word.is_empty()) {
        if version.is_none() {
            let mut numbers = word.split('.').map(str::parse::<u32>);
            if let Some(Ok(major)) = numbers.next() {
                version = Some((major, numbers.next().and_then(Result::ok).unwrap_or(0)));
            }
        }
        if word == "pro" {
            family = Family::Pro;
        }
    }
    Some((family, version.unwrap_or(NEWEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_prefixes_and_suffixes() {
        for (id, like) in [
            ("models/gemini-2.5-flash-lite-preview-09-2025", "gemini-2.5-flash"),
            ("google/gemini-2.5-pro", "gemini-2.5-pro-preview-06-05"),
            ("Gemini-3-Pro-Preview", "gemini-3-pro"),
            ("gemini-flash-latest", "gemini-9-flash"),
            ("gemini-pro-latest", "gemini-9-pro"),
            ("gemini-1.5-flash-002", "gemini-1.5-pro"),
        ] {
            assert_eq!(Capabilities::of(id), Capabilities::of(like), "{id}");
        }
        for unknown in ["gemma-3-27b-it", "mock-gemini-1", "tunedModels/x", "geminis-1"] {
            assert_eq!(Capabilities::of(unknown), Capabilities::unknown(), "{unknown}");
        }
    }

    #[test]
    fn generations_differ() {
        let of = Capabilities::of;
        assert!(!of("gemini-1.5-pro").json_schemas && of("gemini-2.0-flash").json_schemas);
        let thinking = [
            ("gemini-2.0-flash", Thinking::None),
            ("gemini-2.5-flash", Thinking::Budget),
            ("gemini-2.5-pro", Thinking::BudgetAlways),
            ("gemini-3-flash-preview", Thinking::FourLevels),
            ("gemini-3-pro-preview", Thinking::TwoLevels),
            ("gemini-3.1-pro", Thinking::ThreeLevels),
        ];
        for (model, expected) in thinking {
            assert_eq!(of(model).thinking, expected, "{model}");
        }
        let (old, new) = (of("gemini-2.5-pro"), of("gemini-3-pro"));
        assert!(old.penalties && !old.call_ids && !old.signatures && !old.media_results);
        assert!(!new.penalties && new.call_ids && new.signatures && new.media_results);
    }
}
