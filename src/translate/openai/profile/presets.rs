//! The servers that are known. A new one is one entry.
//!
//! The facts are those of `compatible.md` in the project's protocol notes, which names a source for each; the issues of
//! other gateways, mostly.

use super::rule::{Effort, ToolChoices};
use crate::translate::openai::messages::Rewrite;
use crate::translate::openai::repairs::Repairs;

/// A profile as it is written down.
pub(super) struct Preset {
    pub(super) name: &'static str,
    /// The hosts that it is found by.
    pub(super) hosts: &'static [&'static str],
    pub(super) renames: &'static [(&'static str, &'static str)],
    pub(super) leaves_out: &'static [&'static str],
    pub(super) refuses: &'static [&'static str],
    /// What steers gateways, and is meant for this one.
    pub(super) keeps: &'static [&'static str],
    /// Without any, `reasoning_effort` is sent as it is.
    pub(super) efforts: &'static [Effort],
    pub(super) tool_choices: ToolChoices,
    pub(super) custom_tools: bool,
    pub(super) nulls: bool,
    pub(super) include_usage: bool,
    pub(super) messages: Rewrite,
    pub(super) repairs: Repairs,
}

/// Most servers know no `developer`, and no tools but functions.
const PLAIN: Preset = Preset {
    name: "",
    hosts: &[],
    renames: &[],
    leaves_out: &[],
    refuses: &[],
    keeps: &[],
    efforts: &[],
    tool_choices: ToolChoices::All,
    custom_tools: false,
    nulls: true,
    include_usage: true,
    messages: DEVELOPER,
    repairs: AS_IT_IS,
};

const DEVELOPER: Rewrite = Rewrite { developer: true, ..Rewrite::FOREIGN };

/// Servers that know every field of a message, and refuse others.
const CLOSED: Rewrite = Rewrite { unsigned: true, ..DEVELOPER };

const AS_IT_IS: Repairs = Repairs::NONE;

/// Usage in OpenAI's place, and no `null` where OpenAI has none.
const USAGE: Repairs = Repairs { usage: true, null_deltas: true, finish_reasons: true, ..AS_IT_IS };

const OLD_LIMIT: &[(&str, &str)] = &[("max_completion_tokens", "max_tokens")];

/// What is OpenAI's own, and servers that check their input refuse.
const OPENAI_ONLY: &[&str] = &[
    "metadata",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "verbosity",
];

const SPEECH_AND_SEARCH: &[&str] = &["audio", "modalities", "moderation", "web_search_options"];

/// What would change the answer, beside that.
const SAMPLING: &[&str] =
    &["audio", "logit_bias", "logprobs", "modalities", "moderation", "n", "top_logprobs", "web_search_options"];

const fn effort(word: &'static str, fields: &'static [(&'static str, &'static str)]) -> Effort {
    Effort { word, fields }
}

const THINKING_OFF: Effort = effort("none", &[("thinking", r#"{"type":"disabled"}"#)]);

pub(super) const ALL: [Preset; 15] = [
    Preset {
        name: "cerebras",
        hosts: &["api.cerebras.ai"],
        leaves_out: &[
            "frequency_penalty",
            "metadata",
            "parallel_tool_calls",
            "prediction",
            "presence_penalty",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "service_tier",
            "store",
            "verbosity",
        ],
        refuses: SAMPLING,
        messages: CLOSED,
        ..PLAIN
    },
    Preset {
        name: "deepseek",
        hosts: &["api.deepseek.com"],
        renames: OLD_LIMIT,
        leaves_out: OPENAI_ONLY,
        refuses: &["audio", "logit_bias", "modalities", "moderation", "n", "web_search_options"],
        efforts: &[
            THINKING_OFF,
            effort("low", &[("thinking", r#"{"type":"enabled"}"#), ("reasoning_effort", r#""low""#)]),
            effort("medium", &[("thinking", r#"{"type":"enabled"}"#), ("reasoning_effort", r#""medium""#)]),
            effort("high", &[("thinking", r#"{"type":"enabled"}"#), ("reasoning_effort", r#""high""#)]),
            effort("xhigh", &[("thinking", r#"{"type":"enabled"}"#), ("reasoning_effort", r#""max""#)]),
            effort("max", &[("thinking", r#"{"type":"enabled"}"#), ("reasoning_effort", r#""max""#)]),
        ],
        repairs: USAGE,
        ..PLAIN
    },
    Preset {
        name: "fireworks",
        hosts: &["api.fireworks.ai"],
        leaves_out: OPENAI_ONLY,
        refuses: SPEECH_AND_SEARCH,
        repairs: USAGE,
        ..PLAIN
    },
    Preset {
        name: "groq",
        hosts: &["api.groq.com"],
        leaves_out: &[
            "metadata",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "store",
            "verbosity",
        ],
        refuses: SAMPLING,
        keeps: &["include_reasoning"],
        efforts: &[
            effort("none", &[("reasoning_effort", r#""none""#)]),
            effort("low", &[("reasoning_effort", r#""low""#)]),
            effort("medium", &[("reasoning_effort", r#""medium""#)]),
            effort("high", &[("reasoning_effort", r#""high""#)]),
        ],
        nulls: false,
        messages: Rewrite { nulls: true, names: true, developer: false, ..CLOSED },
        repairs: Repairs { mirror_reasoning: true, service_tiers: true, ..USAGE },
        ..PLAIN
    },
    Preset { name: "llama.cpp", repairs: Repairs { model_name: true, ..AS_IT_IS }, ..PLAIN },
    Preset { name: "lmstudio", ..PLAIN },
    Preset {
        name: "mistral",
        hosts: &["api.mistral.ai"],
        renames: &[("max_completion_tokens", "max_tokens"), ("seed", "random_seed")],
        leaves_out: &[
            "metadata",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "service_tier",
            "store",
            "stream_options",
            "user",
            "verbosity",
        ],
        refuses: &["audio", "logit_bias", "logprobs", "modalities", "moderation", "top_logprobs", "web_search_options"],
        efforts: &[
            effort("none", &[("reasoning_effort", r#""none""#)]),
            effort("high", &[("reasoning_effort", r#""high""#)]),
        ],
        include_usage: false,
        nulls: false,
        messages: Rewrite { nulls: true, names: true, empty_turns: true, ..CLOSED },
        repairs: Repairs { content_parts: true, ..USAGE },
        ..PLAIN
    },
    Preset {
        name: "moonshot",
        hosts: &["api.moonshot.ai", "api.moonshot.cn"],
        leaves_out: OPENAI_ONLY,
        refuses: &["audio", "logit_bias", "logprobs", "modalities", "moderation", "top_logprobs", "web_search_options"],
        efforts: &[
            THINKING_OFF,
            effort("low", &[("thinking", r#"{"type":"enabled"}"#)]),
            effort("medium", &[("thinking", r#"{"type":"enabled"}"#)]),
            effort("high", &[("thinking", r#"{"type":"enabled"}"#)]),
            effort("max", &[("thinking", r#"{"type":"enabled"}"#)]),
        ],
        tool_choices: ToolChoices::NotRequired,
        repairs: USAGE,
        ..PLAIN
    },
    Preset {
        name: "ollama",
        renames: OLD_LIMIT,
        leaves_out: &[
            "metadata",
            "parallel_tool_calls",
            "prediction",
            "prompt_cache_key",
            "safety_identifier",
            "service_tier",
            "store",
            "user",
            "verbosity",
        ],
        refuses: &["audio", "logit_bias", "modalities", "moderation", "n", "web_search_options"],
        keeps: &["reasoning"],
        efforts: &[
            effort("none", &[("reasoning_effort", r#""none""#)]),
            effort("low", &[("reasoning_effort", r#""low""#)]),
            effort("medium", &[("reasoning_effort", r#""medium""#)]),
            effort("high", &[("reasoning_effort", r#""high""#)]),
        ],
        tool_choices: ToolChoices::AutoOnly,
        repairs: Repairs { mirror_reasoning: true, ..AS_IT_IS },
        ..PLAIN
    },
    Preset {
        name: "openrouter",
        hosts: &["openrouter.ai"],
        // What would let a client choose other models than its key may use is not among them: `models`, `route`, `plugins`.
        keeps: &["include_reasoning", "provider", "reasoning", "transforms", "usage"],
        custom_tools: true,
        messages: Rewrite { foreign: false, ..Rewrite::FOREIGN },
        repairs: Repairs { mirror_reasoning: true, quoted_errors: true, ..USAGE },
        ..PLAIN
    },
    Preset {
        name: "perplexity",
        hosts: &["api.perplexity.ai"],
        renames: OLD_LIMIT,
        leaves_out: &[
            "metadata",
            "parallel_tool_calls",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "service_tier",
            "store",
            "stream_options",
            "user",
            "verbosity",
        ],
        refuses: &[
            "audio",
            "functions",
            "logit_bias",
            "logprobs",
            "modalities",
            "moderation",
            "n",
            "stop",
            "tool_choice",
            "tools",
            "top_logprobs",
        ],
        include_usage: false,
        repairs: USAGE,
        ..PLAIN
    },
    Preset { name: "sglang", repairs: USAGE, ..PLAIN },
    Preset {
        name: "together",
        hosts: &["api.together.xyz", "api.together.ai"],
        renames: OLD_LIMIT,
        leaves_out: OPENAI_ONLY,
        refuses: SPEECH_AND_SEARCH,
        repairs: USAGE,
        ..PLAIN
    },
    Preset {
        name: "vllm",
        efforts: &[
            effort("none", &[("chat_template_kwargs", r#"{"enable_thinking":false}"#)]),
            effort("minimal", &[("reasoning_effort", r#""low""#)]),
            effort("low", &[("reasoning_effort", r#""low""#)]),
            effort("medium", &[("reasoning_effort", r#""medium""#)]),
            effort("high", &[("reasoning_effort", r#""high""#)]),
        ],
        repairs: Repairs { mirror_reasoning: true, ..AS_IT_IS },
        ..PLAIN
    },
    Preset {
        name: "xai",
        hosts: &["api.x.ai"],
        refuses: &["audio", "modalities", "moderation"],
        efforts: &[
            effort("low", &[("reasoning_effort", r#""low""#)]),
            effort("high", &[("reasoning_effort", r#""high""#)]),
        ],
        repairs: Repairs { reasoning_outside: true, ..USAGE },
        ..PLAIN
    },
];

/// The presets for people: which server, what is different, and by which hosts it is known.
#[cfg(test)]
pub(in crate::translate) fn rows() -> Vec<[String; 3]> {
    let code = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let row = |preset: &Preset| {
        let mut said: Vec<String> = Vec::new();
        let mut say = |holds: bool, text: &str| {
            if holds {
                said.push(text.to_owned());
            }
        };
        say(preset.messages.developer, "`developer` becomes `system`");
        say(!preset.nulls, "`null` fields leave");
        say(preset.messages.names, "`name` leaves but for tools");
        say(preset.messages.empty_turns, "empty turns of the assistant leave");
        say(preset.messages.unsigned, "reasoning does not go back");
        say(!preset.include_usage, "usage is not asked for");
        say(!preset.custom_tools, "custom tools are refused");
        say(preset.tool_choices == ToolChoices::NotRequired, "`tool_choice: required` is refused");
        say(preset.tool_choices == ToolChoices::AutoOnly, "`tool_choice` other than `auto` is refused");
        said.extend(preset.renames.iter().map(|(from, to)| format!("`{from}` becomes `{to}`")));
        let words: Vec<&str> = preset.efforts.iter().map(|effort| effort.word).collect();
        for (names, text) in [
            (preset.leaves_out, "left out: "),
            (preset.refuses, "refused: "),
            (&words[..], "`reasoning_effort` is one of "),
            (preset.keeps, "a client may say "),
        ] {
            if !names.is_empty() {
                said.push(format!("{text}{}", code(names)));
            }
        }
        said.extend(preset.repairs.names().iter().map(|name| format!("answers: {name}")));
        [format!("`{}`", preset.name), said.join("; "), code(preset.hosts)]
    };
    ALL.iter().map(row).collect()
}
