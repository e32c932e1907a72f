//! Requests and answers of known sizes, alike for all benchmarks.

#![allow(dead_code, reason = "each benchmark uses a part")]

use bytes::Bytes;

const WORDS: &str = "the cache returns a stale value when two writers race on one key so the reader compares versions ";

/// A conversation of about this many bytes: turns of prose, each with a few lines of code, quotes and accents.
pub(crate) fn request(size: usize, stream: bool) -> Bytes {
    let code = "\\n\\n```rust\\nlet v = map.get(\\\"key\\\")?;\\n```\\n";
    let turn = format!("{}{code}{} — naïve ✓", WORDS.repeat(7), WORDS.repeat(6));
    let mut messages = String::from(r#"{"role":"system","content":"You are a careful assistant. Answer briefly."}"#);
    let mut turns = (0..).map(|at| if at % 2 == 0 { "user" } else { "assistant" });
    while messages.len() + 200 < size {
        let room = size.saturating_sub(messages.len() + 200);
        let content = if room < turn.len() { &WORDS[..room.clamp(1, WORDS.len())] } else { &turn };
        let role = turns.next().unwrap_or("user");
        messages.push_str(&format!(r#",{{"role":"{role}","content":"{content}"}}"#));
    }
    let stream = if stream { r#","stream":true"# } else { "" };
    format!(
        r#"{{"model":"mock","messages":[{messages},{{"role":"user","content":"Well?"}}],"temperature":0.7,"max_tokens":512{stream}}}"#
    )
    .into()
}

/// A streamed answer in OpenAI's protocol, one event a token, all in one piece.
pub(crate) fn openai_stream(events: usize) -> Bytes {
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

/// The same in Anthropic's protocol.
pub(crate) fn anthropic_stream(events: usize) -> Bytes {
    let mut out = String::from(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n\
         event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    );
    for at in 0..events {
        out.push_str(&format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"tok{at:05} lorem\"}}}}\n\n"
        ));
    }
    out.push_str(
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
         event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":1000}}\n\n\
         event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    out.into()
}

/// A whole answer in OpenAI's protocol.
pub(crate) fn openai_answer() -> Bytes {
    let text = WORDS.repeat(6);
    format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1750000000,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":5,"completion_tokens":100,"total_tokens":105}}}}"#
    )
    .into()
}

/// A whole answer in Anthropic's protocol.
pub(crate) fn anthropic_answer() -> Bytes {
    let text = WORDS.repeat(6);
    format!(
        r#"{{"id":"msg_bench","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":5,"output_tokens":100}}}}"#
    )
    .into()
}
