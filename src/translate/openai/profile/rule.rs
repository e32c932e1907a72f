//! What a profile says of single fields.

use std::borrow::Cow;

use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::encode::defaults;

/// What becomes of a top-level field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// It is sent as it is.
    Keep,
    /// It is sent under this name; another field of that name gives way.
    Rename(Cow<'static, str>),
    /// It is left out, and reported in `x-dropped-params` unless it says nothing about the answer.
    LeaveOut,
    /// 400 `unsupported_parameter`, unless it has OpenAI's default value.
    Refuse,
}

/// What stands for a `reasoning_effort`: fields with their values, as JSON.
#[derive(Debug)]
pub(super) struct Effort {
    pub(super) word: &'static str,
    pub(super) fields: &'static [(&'static str, &'static str)],
}

/// Which values of `tool_choice` the server follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolChoices {
    All,
    /// All but `required`.
    NotRequired,
    /// None: the model chooses, whatever is said.
    AutoOnly,
}

/// What no answer depends on, and so nobody misses.
const SILENT: [&str; 8] = [
    "metadata",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "stream_options",
    "user",
];

/// Whether nobody misses a field that is left out: no answer depends on it, or the value is OpenAI's default.
pub(super) fn is_unmissed(field: &str, value: Raw<'_>) -> Result<bool, ApiError> {
    Ok(SILENT.contains(&field) || is_default(field, value)?)
}

/// Whether a value is OpenAI's default.
pub(super) fn is_default(field: &str, value: Raw<'_>) -> Result<bool, ApiError> {
    let is_word = |words: &[&str]| value.as_text().is_some_and(|text| words.iter().any(|word| text.eq_str(word)));
    match field {
        "n" => defaults::one(value, "n"),
        "top_logprobs" => defaults::zero(value, "top_logprobs"),
        "logprobs" | "store" => defaults::is_false(value, "store"),
        "logit_bias" | "tools" | "functions" | "stop" => defaults::empty(value, "tools"),
        "frequency_penalty" => defaults::penalty(value, "frequency_penalty"),
        "presence_penalty" => defaults::penalty(value, "presence_penalty"),
        "verbosity" => defaults::medium(value, "verbosity"),
        "modalities" => defaults::text_only(value, "modalities"),
        "parallel_tool_calls" => Ok(value.as_bool() == Some(true)),
        "tool_choice" => Ok(is_word(&["auto", "none"])),
        "service_tier" => Ok(is_word(&["auto", "default"])),
        _ => Ok(false),
    }
}
