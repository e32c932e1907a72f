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
}

type Version = (u32, u32);

enum Families {
    All,
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

/// The versions, from [LiteLLM's capability
/// map](https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window_backup.json) (1.109.1),
/// Anthropic's model overview and migration guides, and the probes in experientiallabs/experiential#658 and #804.
const RULES: &[Rule] = &[
    // Claude 3.5: the first with 8192 tokens of output.
    Rule { since: (3, 5).., families: Families::All, change: |c| c.max_output = Some(8192) },
    // Claude 3.7: the first that thinks.
    Rule {
        since: (3, 7)..,
        families: Families::All,
        change: |c| (c.thinking, c.max_output) = (Thinking::Budget, Some(64_000)),
    },
    Rule { since: (4, 0).., families: Families::Only(&["opus"]), change: |c| c.max_output = Some(32_000) },
    // Opus 4.1: `temperature` and `top_p` exclude each other (BerriAI/litellm#15097).
    Rule { since: (4, 1).., families: Families::All, change: |c| c.sampling = Sampling::One },
    // 4.5: `output_config.format` and strict tools.
    Rule { since: (4, 5).., families: Families::All, change: |c| (c.schemas, c.max_output) = (true, Some(64_000)) },
    // 4.6: adaptive thinking and efforts; no prefill (livekit/agents#4907).
    Rule {
        since: (4, 6)..,
        families: Families::All,
        change: |c| {
            (c.thinking, c.effort, c.prefill) = (Thinking::Adaptive, Effort::Four, false);
            c.max_output = Some(128_000);
        },
    },
    // 4.7: no sampling parameters (edsl#2458), and the effort `xhigh`.
    Rule {
        since: (4, 7)..,
        families: Families::All,
        change: |c| (c.sampling, c.effort) = (Sampling::Fixed, Effort::Five),
    },
    // 4.8: `system` turns between the others.
    Rule { since: (4, 8).., families: Families::All, change: |c| c.system_turns = true },
    // Fable and Mythos always think, and since 5.1 all but Haiku do, which refuses forced tools.
    Rule { since: (5, 0).., families: Families::Only(&["fable", "mythos"]), change: |c| c.thinking = Thinking::Always },
    Rule {
        since: (5, 1)..,
        families: Families::AllBut(&["haiku"]),
        change: |c| (c.thinking, c.forced_tools) = (Thinking::Always, false),
    },
];

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
