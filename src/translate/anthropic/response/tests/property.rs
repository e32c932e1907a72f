//! A random message, whole and as a stream, is the same answer.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{streamed, whole};
use crate::translate::decode::fold::{canonical, fold};

#[derive(Clone, Debug)]
enum Part {
    Text(String, bool),
    Thinking(String, String),
    Redacted(String),
    Tool(String, Value),
    Server,
}

impl Part {
    /// The block as a whole.
    fn block(&self) -> Value {
        match self {
            Self::Text(text, false) => json!({"type": "text", "text": text}),
            Self::Text(text, true) => json!({"type": "text", "text": text, "citations": [citation()]}),
            Self::Thinking(text, signature) => json!({"type": "thinking", "thinking": text, "signature": signature}),
            Self::Redacted(data) => json!({"type": "redacted_thinking", "data": data}),
            Self::Tool(name, input) => {
                json!({"type": "tool_use", "id": format!("toolu_{name}"), "name": name, "input": input})
            }
            Self::Server => {
                json!({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "x"}})
            }
        }
    }

    /// The block as a stream begins it, and its deltas.
    fn stream(&self, size: usize) -> (Value, Vec<Value>) {
        let cut = |text: &str| -> Vec<String> {
            let chars: Vec<char> = text.chars().collect();
            chars.chunks(size).map(|piece| piece.iter().collect()).collect()
        };
        let mut block = self.block();
        let deltas = |kind: &str, key: &str, text: &str| -> Vec<Value> {
            cut(text).into_iter().map(|piece| json!({"type": kind, key: piece})).collect()
        };
        let deltas = match self {
            Self::Text(text, cited) => {
                block["text"] = json!("");
                let mut deltas = deltas("text_delta", "text", text);
                if *cited {
                    block["citations"] = json!([]);
                    deltas.push(json!({"type": "citations_delta", "citation": citation()}));
                }
                deltas
            }
            Self::Thinking(text, signature) => {
                (block["thinking"], block["signature"]) = (json!(""), json!(""));
                let mut deltas = deltas("thinking_delta", "thinking", text);
                deltas.push(json!({"type": "signature_delta", "signature": signature}));
                deltas
            }
            Self::Redacted(_) => Vec::new(),
            Self::Tool(_, input) if *input == json!({}) => {
                vec![json!({"type": "input_json_delta", "partial_json": ""})]
            }
            Self::Tool(_, input) => {
                block["input"] = json!({});
                deltas("input_json_delta", "partial_json", &serde_json::to_string_pretty(input).unwrap())
            }
            Self::Server => deltas("input_json_delta", "partial_json", r#"{"query":"x"}"#),
        };
        (block, deltas)
    }
}

fn citation() -> Value {
    json!({"type": "web_search_result_location", "url": "https://e.test/", "title": null, "cited_text": "c"})
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
}

fn rendered(parts: &[Part], size: usize, interleaved: bool, stop: &str) -> (String, String) {
    let usage = json!({"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 9});
    let content: Vec<Value> = parts.iter().map(Part::block).collect();
    let message = |content: Vec<Value>, stop: Value| {
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content,
            "stop_reason": stop, "usage": usage})
    };
    let mut stream = event(&json!({"type": "message_start", "message": message(vec![], Value::Null)}));
    let blocks: Vec<_> = parts.iter().map(|part| part.stream(size)).collect();
    let begin = |at: usize| event(&json!({"type": "content_block_start", "index": at, "content_block": blocks[at].0}));
    let delta = |at: usize, delta: &Value| event(&json!({"type": "content_block_delta", "index": at, "delta": delta}));
    let end = |at: usize| event(&json!({"type": "content_block_stop", "index": at}));
    let all_tools = parts.iter().all(|part| matches!(part, Part::Tool(..)));
    if interleaved && all_tools {
        (0..parts.len()).for_each(|at| stream += &begin(at));
        let longest = blocks.iter().map(|(_, deltas)| deltas.len()).max().unwrap_or(0);
        for step in 0..longest {
            for (at, (_, deltas)) in blocks.iter().enumerate() {
                stream += &deltas.get(step).map(|piece| delta(at, piece)).unwrap_or_default();
            }
        }
        (0..parts.len()).rev().for_each(|at| stream += &end(at));
    } else {
        for (at, (_, deltas)) in blocks.iter().enumerate() {
            stream += &begin(at);
            stream.extend(deltas.iter().map(|piece| delta(at, piece)));
            stream += &end(at);
        }
    }
    stream += &event(&json!({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage}));
    stream += &event(&json!({"type": "message_stop"}));
    (message(content, json!(stop)).to_string(), stream)
}

fn text() -> impl Strategy<Value = String> {
    "([a-z\"\\\\\n\u{1}é😀\u{2028}]|data: \\[DONE\\]){0,12}"
}

fn part() -> impl Strategy<Value = Part> {
    let input = prop_oneof![Just(json!({})), text().prop_map(|text| json!({"a": text, "b": [1.50, {"c": null}]})),];
    prop_oneof![
        (text(), any::<bool>()).prop_map(|(text, cited)| Part::Text(text, cited)),
        (text(), "[a-z]{1,4}").prop_map(|(text, signature)| Part::Thinking(text, signature)),
        "[a-z]{1,4}".prop_map(Part::Redacted),
        ("[a-z]{1,3}", input.clone()).prop_map(|(name, input)| Part::Tool(name, input)),
        Just(Part::Server),
        ("[a-z]{1,3}", input).prop_map(|(name, input)| Part::Tool(name, input)),
    ]
}

proptest! {
    #[test]
    fn whole_and_streamed_are_one_answer(
        parts in prop_oneof![
            prop::collection::vec(part(), 0..6),
            prop::collection::vec(part().prop_filter("a tool", |part| matches!(part, Part::Tool(..))), 1..5),
        ],
        size in 1..7_usize,
        interleaved: bool,
        stop in prop_oneof![Just("end_turn"), Just("tool_use"), Just("refusal"), Just("max_tokens"), Just("new")],
        cut in 0..2_000_usize,
    ) {
        let (body, stream) = rendered(&parts, size, interleaved, stop);
        let (before, after) = stream.as_bytes().split_at(cut.min(stream.len()));
        let (folded, end) = fold(&streamed([before, after], true).0);
        prop_assert_eq!(end, json!("[DONE]"));
        let whole: Value = serde_json::from_str(&whole(&body).unwrap()).unwrap();
        prop_assert_eq!(folded, canonical(&whole));
    }
}
