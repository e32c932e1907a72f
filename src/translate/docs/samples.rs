//! Values for the fields that OpenAI documents, in the order of its reference.

use super::{Sample, sample};

const TOOLS: &str = r#"{"tools":[{"type":"function","function":{"name":"f"}}]}"#;

pub(super) const SAMPLES: &[Sample] = &[
    sample("messages", r#"[{"role":"user","content":"Another question"}]"#),
    sample("model", r#""another-model""#),
    sample("audio", r#"{"voice":"alloy","format":"mp3"}"#),
    sample("frequency_penalty", "0.5").default("0"),
    sample("function_call", r#"{"name":"f"}"#).default(r#""auto""#),
    sample("functions", r#"[{"name":"f"}]"#).default("[]"),
    sample("logit_bias", r#"{"50256":-100}"#).default("{}"),
    sample("logprobs", "true").default("false"),
    sample("max_completion_tokens", "77"),
    sample("max_tokens", "77"),
    sample("metadata", r#"{"a":"b"}"#),
    sample("modalities", r#"["text","audio"]"#).default(r#"["text"]"#),
    sample("moderation", r#"{"model":"omni-moderation-latest"}"#),
    sample("n", "2").default("1"),
    sample("parallel_tool_calls", "false").beside(TOOLS),
    sample("prediction", r#"{"type":"content","content":"a"}"#),
    sample("presence_penalty", "0.5").default("0"),
    sample("prompt_cache_key", r#""k""#),
    sample("prompt_cache_options", r#"{"mode":"explicit"}"#),
    sample("prompt_cache_retention", r#""24h""#),
    sample("reasoning_effort", r#""low""#),
    sample(
        "response_format",
        r#"{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object","properties":{},"additionalProperties":false}}}"#,
    ),
    sample("safety_identifier", r#""user-1""#),
    sample("seed", "7"),
    sample("service_tier", r#""default""#),
    sample("stop", r#"["END"]"#),
    sample("store", "true").default("false"),
    sample("stream", "true"),
    sample("stream_options", r#"{"include_usage":false}"#).beside(r#"{"stream":true}"#),
    sample("temperature", "0.5"),
    sample("tool_choice", r#""required""#).beside(TOOLS),
    sample("tools", r#"[{"type":"function","function":{"name":"f"}}]"#),
    sample("top_logprobs", "2").default("0"),
    sample("top_p", "0.5"),
    sample("user", r#""user-1""#),
    sample("verbosity", r#""low""#).default(r#""medium""#),
    sample("web_search_options", "{}"),
];
