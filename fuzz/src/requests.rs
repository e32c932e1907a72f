//! The requests whose answers are read, and the dialects that wrote them.

use std::sync::OnceLock;

use tower_completions::ChatRequest;
use tower_completions::translate::openai::Profile;
use tower_completions::translate::{Anthropic, Azure, Bedrock, Gemini, OpenAi};

use crate::KEY;

/// Requests in which every switch of a decoder is on and off; the last one does not stream.
pub(crate) fn requests() -> &'static [ChatRequest] {
    static REQUESTS: OnceLock<Vec<ChatRequest>> = OnceLock::new();
    REQUESTS.get_or_init(|| {
        let usage = r#","stream":true,"stream_options":{"include_usage":true}"#;
        let tools = r#","tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object"}}},
            {"type":"custom","custom":{"name":"patch"}}]"#;
        let format = r#","response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object",
            "properties":{"a":{"type":"string"}},"additionalProperties":false}}}"#;
        [usage, &format!("{usage}{tools}"), &format!("{usage}{format}"), r#","stream":true"#, ""]
            .map(|more| {
                let model = "claude-3-5-sonnet-20241022";
                let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"Hi"}}]{more}}}"#);
                ChatRequest::from_bytes(body).unwrap()
            })
            .into()
    })
}

pub(crate) const PROFILES: [&str; 16] = [
    "", "cerebras", "deepseek", "fireworks", "groq", "llama.cpp", "lmstudio", "mistral", "moonshot", "ollama", "openrouter",
    "perplexity", "sglang", "together", "vllm", "xai",
];

pub(crate) fn openai() -> &'static [OpenAi] {
    static DIALECTS: OnceLock<Vec<OpenAi>> = OnceLock::new();
    DIALECTS.get_or_init(|| {
        let openai = || OpenAi::new("http://h/v1").unwrap().key(KEY).unwrap();
        let of = |name: &str| if name.is_empty() { openai() } else { openai().profile(Profile::named(name).unwrap()) };
        PROFILES.map(of).into()
    })
}

pub(crate) fn azure() -> &'static [Azure] {
    static DIALECTS: OnceLock<Vec<Azure>> = OnceLock::new();
    DIALECTS.get_or_init(|| {
        ["http://h/openai/v1", "http://h"].map(|url| Azure::new(url).unwrap().key(KEY).unwrap()).into()
    })
}

pub(crate) fn anthropic() -> &'static Anthropic {
    static DIALECT: OnceLock<Anthropic> = OnceLock::new();
    DIALECT.get_or_init(|| Anthropic::new("http://h").unwrap().key(KEY).unwrap())
}

pub(crate) fn gemini() -> &'static Gemini {
    static DIALECT: OnceLock<Gemini> = OnceLock::new();
    DIALECT.get_or_init(|| Gemini::new("http://h").unwrap().key(KEY).unwrap())
}

pub(crate) fn bedrock() -> &'static Bedrock {
    static DIALECT: OnceLock<Bedrock> = OnceLock::new();
    DIALECT.get_or_init(|| Bedrock::new("http://h").unwrap().key(KEY).unwrap())
}
