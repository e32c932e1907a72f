//! Requests and answers of known sizes, alike for all benchmarks.

#![allow(dead_code, reason = "each benchmark uses a part")]

pub(crate) mod anthropic;
pub(crate) mod bedrock;
pub(crate) mod gemini;
pub(crate) mod openai;

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
