//! What OpenAI documents of the fields of a request: their names and their JSON types.

use crate::error::ApiError;
use crate::json::Kind;

/// The JSON types that OpenAI documents for a field. `null` besides is allowed where the field may be left out.
pub(super) struct Shape {
    pub(super) kinds: &'static [Kind],
    pub(super) text: &'static str,
}

pub(super) const STRING: Shape = Shape { kinds: &[Kind::String], text: "a string" };
pub(super) const BOOL: Shape = Shape { kinds: &[Kind::Bool], text: "a boolean" };
const NUMBER: Shape = Shape { kinds: &[Kind::Number], text: "a number" };
const ARRAY: Shape = Shape { kinds: &[Kind::Array], text: "an array" };
const OBJECT: Shape = Shape { kinds: &[Kind::Object], text: "an object" };
pub(super) const STRING_OR_ARRAY: Shape = Shape { kinds: &[Kind::String, Kind::Array], text: "a string or an array" };
const STRING_OR_OBJECT: Shape = Shape { kinds: &[Kind::String, Kind::Object], text: "a string or an object" };

/// Every field of [OpenAI's request object](https://platform.openai.com/docs/api-reference/chat/create), with its type.
fn shape_of(field: &str) -> Option<Shape> {
    Some(match field {
        "model"
        | "prompt_cache_key"
        | "prompt_cache_retention"
        | "reasoning_effort"
        | "safety_identifier"
        | "service_tier"
        | "user"
        | "verbosity" => STRING,
        "logprobs" | "parallel_tool_calls" | "store" | "stream" => BOOL,
        "frequency_penalty"
        | "max_completion_tokens"
        | "max_tokens"
        | "n"
        | "presence_penalty"
        | "seed"
        | "temperature"
        | "top_logprobs"
        | "top_p" => NUMBER,
        "functions" | "messages" | "modalities" | "tools" => ARRAY,
        "audio"
        | "logit_bias"
        | "metadata"
        | "moderation"
        | "prediction"
        | "prompt_cache_options"
        | "response_format"
        | "stream_options"
        | "web_search_options" => OBJECT,
        "stop" => STRING_OR_ARRAY,
        "function_call" | "tool_choice" => STRING_OR_OBJECT,
        _ => return None,
    })
}

/// Whether OpenAI documents a top-level field of this name.
pub(super) fn is_documented(field: &str) -> bool {
    shape_of(field).is_some()
}

/// A name as the decoders of Go compare it, which take `Model` for `model`, and the later of the two: without regard to case,
/// of which two letters outside ASCII have one in it.
fn folded(name: &str) -> String {
    let fold = |letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(fold).collect()
}

/// The field that a name is another spelling of, if it is one. `is_known` knows the right one.
pub(super) fn respelled(name: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    /// Longer than every name that is known, in letters of three bytes.
    const LONG: usize = 128;
    let is_odd = name.len() < LONG && name.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii());
    is_odd.then(|| folded(name)).filter(|right| is_known(right))
}

/// Whether OpenAI documents a field of this name, which then has one of its types.
pub(super) fn is_typed(name: &str, kind: Kind) -> Result<bool, ApiError> {
    let Some(shape) = shape_of(name) else { return Ok(false) };
    if shape.kinds.contains(&kind) || (kind == Kind::Null && !matches!(name, "model" | "messages")) {
        return Ok(true);
    }
    Err(ApiError::invalid_type(name.to_owned(), shape.text, kind))
}
