//! What each Claude model takes: data, because it changes monthly.

use std::ops::RangeFrom;

/// What a model takes. The host overrides it with
/// [`Anthropic::model_capabilities`](crate::translate::Anthropic::model_capabilities).
///
/// ```
/// use tower_completions::translate::anthropic::{Capabilities, Thinking};
///
/// let claude = Capabilities::of("claude-sonnet-4-6");
/// let local = Capabilities::unknown().max_output(8192).thinking(Thinking::None);
/// # let _ = (claude, local);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    pub(in crate::translate) sampling: Sampling,
    pub(in crate::translate) thinking: Thinking,
    pub(in crate::translate) effort: Effort,
    pub(in crate::translate) prefill: bool,
    pub(in crate::translate) forced_tools: bool,
    pub(in crate::translate) system_turns: bool,
    pub(in crate::translate) schemas: bool,
    pub(in crate::translate) max_output: Option<u64>,
}

/// Which of `temperature`, `top_p` and `top_k` a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sampling {
    /// All of them.
    Full,
    /// `temperature` or `top_p`, not both.
    One,
    /// None.
    Fixed,
}

/// How a model is asked to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Thinking {
    /// It does not think.
    None,
    /// With `{"type": "enabled", "budget_tokens": n}`.
    Budget,
    /// With `{"type": "adaptive"}` and an effort.
    Adaptive,
    /// It always thinks; the effort says how much.
    Always,
}

/// Which efforts (`output_config.effort`) a model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effort {
    /// None: it has no such setting.
    None,
    /// `low`, `medium`, `high` and `max`.
    Four,
    /// These and `xhigh`.
    Five,
}

/// What holds from some version on, for some families; of two rules that say different things the later one holds.
struct Rule {
    since: RangeFrom<Version>,
    families: Families,
    change: fn(&mut Capabilities),
    /// What the change is, for people.
    #[allow(dead_code, reason = "read by the test that writes docs/providers.md")]
    what: &'static str,
    /// Where that is known from.
    #[allow(dead_code, reason = "read by the test that writes docs/providers.md")]
    source: &'static str,
}

type Version = (u32, u32);

enum Families {
    All,
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

/// Where most of it is known from; the map is
/// [this file](https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window_backup.json).
const SURVEY: &str = "LiteLLM 1.109.1's model map, Anthropic's model overview and migration guides, and the probes in \
    experientiallabs/experiential#658 and #804";

const RULES: &[Rule] = &[
    Rule {
        since: (3, 5)..,
        families: Families::All,
        change: |c| c.max_output = Some(8192),
        what: "at most 8,192 tokens of output",
        source: SURVEY,
    },
    Rule {
        since: (3, 7)..,
        families: Families::All,
        change: |c| (c.thinking, c.max_output) = (Thinking::Budget, Some(64_000)),
        what: "thinks, with a budget; at most 64,000 tokens of output",
        source: SURVEY,
    },
    Rule {
        since: (4, 0)..,
        families: Families::Only(&["opus"]),
        change: |c| c.max_output = Some(32_000),
        what: "at most 32,000 tokens of output",
        source: SURVEY,
    },
    Rule {
        since: (4, 1)..,
        families: Families::All,
        change: |c| c.sampling = Sampling::One,
        what: "`temperature` or `top_p`, not both",
        source: "BerriAI/litellm#15097",
    },
    Rule {
        since: (4, 5)..,
        families: Families::All,
        change: |c| (c.schemas, c.max_output) = (true, Some(64_000)),
        what: "`output_config.format` and strict tools; at most 64,000 tokens of output",
        source: SURVEY,
    },
    Rule {
        since: (4, 6)..,
        families: Families::All,
        change: |c| {
            (c.thinking, c.effort, c.prefill) = (Thinking::Adaptive, Effort::Four, false);
            c.max_output = Some(128_000);
        },
        what: "adaptive thinking and efforts; no prefill; at most 128,000 tokens of output",
        source: "as since 4.5; prefill: livekit/agents#4907",
    },
    Rule {
        since: (4, 7)..,
        families: Families::All,
        change: |c| (c.sampling, c.effort) = (Sampling::Fixed, Effort::Five),
        what: "no sampling parameters; the effort `xhigh`",
        source: "as since 4.5; sampling: edsl#2458",
    },
    Rule {
        since: (4, 8)..,
        families: Families::All,
        change: |c| c.system_turns = true,
        what: "`system` turns between the others, at Anthropic itself",
        source: SURVEY,
    },
    Rule {
        since: (5, 0)..,
        families: Families::Only(&["fable", "mythos"]),
        change: |c| c.thinking = Thinking::Always,
        what: "always thinks",
        source: SURVEY,
    },
    Rule {
        since: (5, 1)..,
        families: Families::AllBut(&["haiku"]),
        change: |c| (c.thinking, c.forced_tools) = (Thinking::Always, false),
        what: "always thinks, and takes no forced tools",
        source: SURVEY,
    },
];

/// The rules for people: which models, what holds for them, and where that is known from.
#[cfg(test)]
pub(in crate::translate) fn rules() -> Vec<[String; 3]> {
    let line = |rule: &Rule| {
        let (major, minor) = rule.since.start;
        let families = match rule.families {
            Families::All => String::new(),
            Families::Only(families) => format!(", {}", families.join(" and ")),
            Families::AllBut(families) => format!(", all but {}", families.join(" and ")),
        };
        [format!("since {major}.{minor}{families}"), rule.what.to_owned(), rule.source.to_owned()]
    };
    RULES.iter().map(line).collect()
}

impl Capabilities {
    /// What the model of this id takes, by its name: `claude-<family>-<major>[-<minor>][-<date>]`, the older
    /// `claude-<major>-<minor>-<family>`, with or without a prefix (`anthropic/`) or a suffix (`@date`, `-latest`).
    ///
    /// A Claude without a version counts as the newest one. What is no Claude is [`unknown`](Self::unknown).
    pub fn of(model: &str) -> Self {
        let Some((family, version)) = parse(model) else { return Self::unknown() };
        let mut capabilities = Self { thinking: Thinking::None, max_output: Some(4096), ..Self::unknown() };
        for rule in RULES.iter().filter(|rule| rule.since.contains(&version)) {
            let concerned = match rule.families {
                Families::All => true,
                Families::Only(families) => families.contains(&&*family),
                Families::AllBut(families) => !families.contains(&&*family),
            };
            if concerned {
                (rule.change)(&mut capabilities);
            }
        }
        capabilities
    }

    /// What a model takes of which nothing is known, such as one behind a server that imitates Anthropic's.
    ///
    /// The oldest and widest form of everything: sampling parameters and prefill are passed on, thinking has a budget,
    /// schemas are emulated with a forced tool, and there are no `system` turns between the others.
    pub fn unknown() -> Self {
        Self {
            sampling: Sampling::Full,
            thinking: Thinking::Budget,
            effort: Effort::None,
            prefill: true,
            forced_tools: true,
            system_turns: false,
            schemas: false,
            max_output: None,
        }
    }

    /// Which sampling parameters it takes.
    #[must_use]
    pub fn sampling(self, sampling: Sampling) -> Self {
        Self { sampling, ..self }
    }

    /// How it is asked to think.
    #[must_use]
    pub fn thinking(self, thinking: Thinking) -> Self {
        Self { thinking, ..self }
    }

    /// Which efforts it knows.
    #[must_use]
    pub fn effort(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }

    /// Whether the conversation may end with a message of the assistant, which the model then continues.
    #[must_use]
    pub fn prefill(self, prefill: bool) -> Self {
        Self { prefill, ..self }
    }

    /// Whether a `tool_choice` may force a call.
    #[must_use]
    pub fn forced_tools(self, forced_tools: bool) -> Self {
        Self { forced_tools, ..self }
    }

    /// Whether messages of the role `system` may stand between the others.
    #[must_use]
    pub fn system_turns(self, system_turns: bool) -> Self {
        Self { system_turns, ..self }
    }

    /// Whether it takes JSON Schemas: `output_config.format` and `strict` tools.
    #[must_use]
    pub fn schemas(self, schemas: bool) -> Self {
        Self { schemas, ..self }
    }

    /// The most tokens it can answer with.
    #[must_use]
    pub fn max_output(self, tokens: u64) -> Self {
        Self { max_output: Some(tokens), ..self }
    }
}

/// The family and the version in the id of a Claude model.
fn parse(model: &str) -> Option<(String, Version)> {
    const NEWEST: Version = (u32::MAX, 0);
    let model = model.to_ascii_lowercase();
    let start = model.rfind("claude")?;
    if !(start == 0 || model[..start].ends_with(['/', '.'])) {
        return None;
    }
    let name = model[start + "claude".len()..].split(['@', ':']).next()?;
    if !(name.is_empty() || name.starts_with('-')) {
        return None;
    }
    let mut family = "";
    let mut numbers = Vec::new();
    for word in name.split('-').filter(|word| !word.is_empty()) {
        let digits = |word: &str| if word.len() < 4 { word.parse::<u32>().ok() } else { None };
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            numbers.extend(word.split('.').map_while(digits));
        } else if family.is_empty() {
            family = word;
        }
    }
    let version = numbers.first().map_or(NEWEST, |&major| (major, numbers.get(1).copied().unwrap_or(0)));
    Some((family.to_owned(), version))
}
