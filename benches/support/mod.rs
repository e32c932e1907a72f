//! Requests and answers of known sizes, alike for all benchmarks.

#![allow(dead_code, reason = "each benchmark uses a part")]

use bytes::Bytes;

const WORDS: &str = "the cache returns a stale value when two writers race on one key so the reader compares versions ";

/// A conversation of about this many bytes, with the line breaks, quotes and accents that real ones have.
pub fn request(size: usize, stream: bool) -> Bytes {
    let text = format!("{WORDS}\\n\\n```rust\\nlet v = map.get(\\\"key\\\")?;\\n```\\n{WORDS} — naïve ✓ ");
    let turn = text.repeat(6);
    let mut messages = String::from(r#"{"role":"system","content":"You are a careful assistant. Answer briefly."}"#);
    for at in 0.. {
        let role = if at % 2 == 0 { "user" } else { "assistant" };
        let room = size.saturating_sub(messages.len() + 200);
        let mut end = turn.len().min(room.max(64));
        while !turn.is_char_boundary(end) || turn[..end].ends_with('\\') {
            end += 1;
        }
        messages.push_str(&format!(r#",{{"role":"{role}","content":"{}"}}"#, &turn[..end]));
        if messages.len() + 200 >= size && at % 2 == 0 {
            break;
        }
    }
    let stream = if stream { r#","stream":true"# } else { "" };
    format!(r#"{{"model":"mock","messages":[{messages}],"temperature":0.7,"max_tokens":512{stream}}}"#).into()
}

/// A streamed answer in OpenAI's protocol, one event a token, all in one piece.
pub fn openai_stream(events: usize) -> Bytes {
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
pub fn anthropic_stream(events: usize) -> Bytes {
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
pub fn openai_answer() -> Bytes {
    let text = WORDS.repeat(6);
    format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1750000000,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":5,"completion_tokens":100,"total_tokens":105}}}}"#
    )
    .into()
}

/// A whole answer in Anthropic's protocol.
pub fn anthropic_answer() -> Bytes {
    let text = WORDS.repeat(6);
    format!(
        r#"{{"id":"msg_bench","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":5,"output_tokens":100}}}}"#
    )
    .into()
}
