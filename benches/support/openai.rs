//! Answers in OpenAI's protocol.

use bytes::Bytes;

/// A streamed answer, one event a token, all in one piece.
pub(crate) fn stream(events: usize) -> Bytes {
    let head = r#"{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1750000000,"model":"m","choices":[{"index":0,"#;
    let mut out = format!(
        "data: {head}\"delta\":{{\"role\":\"assistant\",\"content\":\"\"}},\"finish_reason\":null}}],\"usage\":null}}\n\n"
    );
    for at in 0..events {
        out.push_str(&format!(
            "data: {head}\"delta\":{{\"content\":\"tok{at:05} lorem\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null}}\n\n"
        ));
    }
    out.push_str(&format!("data: {head}\"delta\":{{}},\"finish_reason\":\"stop\"}}],\"usage\":null}}\n\n"));
    out.push_str("data: {\"id\":\"chatcmpl-bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1000,\"total_tokens\":1005}}\n\ndata: [DONE]\n\n");
    out.into()
}

/// A whole answer.
pub(crate) fn answer() -> Bytes {
    let text = super::WORDS.repeat(6);
    format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1750000000,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":5,"completion_tokens":100,"total_tokens":105}}}}"#
    )
    .into()
}
