//! What a server of OpenAI's protocol takes, and says, in another way than OpenAI: as data.

mod apply;
pub(in crate::translate) mod presets;
mod rule;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::ToolIds;
use super::messages::Rewrite;
use super::repairs::Repairs;
use crate::json::Raw;
use crate::translate::base_url::InvalidConfig;
use presets::Preset;
pub use rule::Rule;
use rule::{Effort, ToolChoices};

/// A server that speaks OpenAI's protocol with differences.
///
/// Found by its [name](Self::named) or by the [host](Self::at) of a base URL, and changed where the host knows better:
///
/// ```
/// use tower_completions::translate::OpenAi;
/// use tower_completions::translate::openai::{Profile, Rule};
///
/// let ours = Profile::named("vllm").unwrap_or_default().rule("seed", Rule::Refuse).mirror_reasoning(false);
/// let vllm = OpenAi::new("http://10.0.0.7:8000/v1")?.profile(ours);
/// # Ok::<(), tower_completions::translate::InvalidConfig>(())
/// ```
///
/// The names: `cerebras`, `deepseek`, `fireworks`, `groq`, `llama.cpp`, `lmstudio`, `mistral`, `moonshot`, `ollama`,
/// `openrouter`, `perplexity`, `sglang`, `together`, `vllm`, `xai`. What each of them does, and where that is known from,
/// is in `docs/providers.md`.
#[derive(Clone, Debug)]
pub struct Profile {
    rules: Vec<(Cow<'static, str>, Rule)>,
    /// What is sent of fields that the client does not say, as JSON.
    defaults: Vec<(Cow<'static, str>, String)>,
    efforts: &'static [Effort],
    tool_choices: ToolChoices,
    custom_tools: bool,
    /// Whether fields that are `null` are sent.
    nulls: bool,
    /// Whether a client may say what steers gateways.
    steered: bool,
    /// Whether usage may be asked for.
    pub(super) include_usage: bool,
    pub(super) messages: Rewrite,
    pub(super) repairs: Repairs,
}

/// The profile that changes nothing.
impl Default for Profile {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            defaults: Vec::new(),
            efforts: &[],
            tool_choices: ToolChoices::All,
            custom_tools: true,
            nulls: true,
            steered: true,
            include_usage: true,
            messages: Rewrite::FOREIGN,
            repairs: Repairs::default(),
        }
    }
}

impl Profile {
    /// The profile of this name, in lower case.
    pub fn named(name: &str) -> Option<Self> {
        presets::ALL.iter().find(|preset| preset.name == name).map(Self::of)
    }

    /// The profile of the server at this base URL, if its host is a known one.
    pub fn at(base_url: &str) -> Option<Self> {
        let uri: http::Uri = base_url.parse().ok()?;
        let host = uri.host()?;
        let is_at = |preset: &&Preset| preset.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        presets::ALL.iter().find(is_at).map(Self::of)
    }

    fn of(preset: &Preset) -> Self {
        let rules = |names: &'static [&'static str], rule: Rule| {
            names.iter().map(move |name| (Cow::Borrowed(*name), rule.clone()))
        };
        let renames = preset.renames.iter().map(|(from, to)| (Cow::Borrowed(*from), Rule::Rename(Cow::Borrowed(*to))));
        let all = renames.chain(rules(preset.leaves_out, Rule::LeaveOut)).chain(rules(preset.refuses, Rule::Refuse));
        Self {
            rules: all.chain(rules(preset.keeps, Rule::Keep)).collect(),
            defaults: Vec::new(),
            efforts: preset.efforts,
            tool_choices: preset.tool_choices,
            custom_tools: preset.custom_tools,
            nulls: preset.nulls,
            steered: false,
            include_usage: preset.include_usage,
            messages: preset.messages,
            repairs: preset.repairs,
        }
    }

    /// Azure's: no `null`, and nothing that steers gateways, both of which it refuses.
    pub(super) fn azure() -> Self {
        Self { nulls: false, steered: false, repairs: Repairs::AZURE, ..Self::openai() }
    }

    /// OpenAI's: nothing that its own clients would send, but what a conversation may bring along that began elsewhere.
    fn openai() -> Self {
        Self::default().tool_ids(ToolIds::Short).replay_reasoning(false)
    }

    /// That of the server at this base URL.
    pub(super) fn of_url(base_url: &str) -> Self {
        let is_openai = |uri: http::Uri| uri.host().is_some_and(|host| host.eq_ignore_ascii_case("api.openai.com"));
        match Self::at(base_url) {
            Some(profile) => profile,
            None if base_url.parse().is_ok_and(is_openai) => Self::openai(),
            None => Self::default(),
        }
    }

    /// What becomes of a top-level field of the request. Of two rules for one field the later one holds.
    #[must_use]
    pub fn rule(mut self, field: impl Into<Cow<'static, str>>, rule: Rule) -> Self {
        self.rules.push((field.into(), rule));
        self
    }

    /// What is sent of a field that the client does not say, as JSON: `default_value("temperature", "0.6")`.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn default_value(
        mut self,
        field: impl Into<Cow<'static, str>>,
        json: impl Into<String>,
    ) -> Result<Self, InvalidConfig> {
        let json = json.into();
        if Raw::parse(&json).is_err() {
            return Err(InvalidConfig::new("the default value of a field must be JSON"));
        }
        self.defaults.push((field.into(), json));
        Ok(self)
    }

    /// Whether the server takes back reasoning that nobody signed, in messages of the assistant: `reasoning_content` and its
    /// kin. OpenAI, Azure and a few others refuse it; DeepSeek and Kimi want theirs.
    #[must_use]
    pub fn replay_reasoning(mut self, replays: bool) -> Self {
        self.messages.unsigned = !replays;
        self
    }

    /// Which ids of tool calls the server takes back.
    #[must_use]
    pub fn tool_ids(mut self, ids: ToolIds) -> Self {
        self.messages.tool_ids = ids;
        self
    }

    /// Whether the server knows the role `developer`; otherwise such messages have the role `system`.
    #[must_use]
    pub fn developer_role(mut self, known: bool) -> Self {
        self.messages.developer = !known;
        self
    }

    /// Whether a stream is asked for its usage (`stream_options.include_usage`). Without it, only a server that tells its
    /// usage unasked can be billed exactly.
    #[must_use]
    pub fn include_usage(self, include_usage: bool) -> Self {
        Self { include_usage, ..self }
    }

    /// Whether fields of the request that are `null` are sent, which OpenAI takes for absent and some servers refuse.
    #[must_use]
    pub fn send_nulls(mut self, nulls: bool) -> Self {
        self.messages.nulls = !nulls;
        Self { nulls, ..self }
    }

    /// Whether reasoning that the server tells as `reasoning` is told as `reasoning_content` too.
    #[must_use]
    pub fn mirror_reasoning(mut self, mirror: bool) -> Self {
        self.repairs.mirror_reasoning = mirror;
        self
    }

    /// Whether usage that the server puts in a place of its own is shown to the client where OpenAI puts it. The layers
    /// outside see it anyhow.
    #[must_use]
    pub fn repair_usage(mut self, repair: bool) -> Self {
        self.repairs.usage = repair;
        self
    }
}
