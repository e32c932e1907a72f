//! A random message, whole and as a stream, is the same answer.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{streamed, whole};
use crate::translate::bedrock::event_stream::write::event;
use crate::translate::decode::fold::{canonical, fold};

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Reasoning(String, String),
    Redacted(String),
    Tool(String, Value),
}

impl Part {
    fn block(&self, at: usize) -> Value {
        match self {
            Self::Text(text) => json!({"text": text}),
            Self::Reasoning(text, signature) => {
                json!({"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}})
            }
            Self::Redacted(data) => json!({"reasoningContent": {"redactedContent": data}}),
            Self::Tool(name, input) => {
                json!({"toolUse": {"toolUseId": format!("tooluse_{at}"), "name": name, "input": input}})
            }
        }
    }

    /// How a stream begins the block, if it says so, and its pieces.
    fn stream(&self, at: usize, size: usize) -> (Option<Value>, Vec<Value>) {
        let cut = |text: &str| -> Vec<String> {
            let chars: Vec<char> = text.chars().collect();
            chars.chunks(size).map(|piece| piece.iter().collect()).collect()
        };
        match self {
            Self::Text(text) => (None, cut(text).into_iter().map(|text| json!({"text": text})).collect()),
            Self::Reasoning(text, signature) => {
                let mut pieces: Vec<Value> =
                    cut(text).into_iter().map(|text| json!({"reasoningContent": {"text": text}})).collect();
                pieces.push(json!({"reasoningContent": {"signature": signature}}));
                (None, pieces)
            }
            Self::Redacted(data) => (None, vec![json!({"reasoningContent": {"redactedContent": data}})]),
            Self::Tool(name, input) => {
                let start = json!({"toolUse": {"toolUseId": format!("tooluse_{at}"), "name": name}});
                let text = if *input == json!({}) { String::new() } else { input.to_string() };
                let piece = |text: String| json!({"toolUse": {"input": text}});
                (Some(start), cut(&text).into_iter().map(piece).collect())
            }
        }
    }
}

fn rendered(parts: &[Part], size: usize, stop: &str, metadata_first: bool) -> (String, Vec<u8>) {
    let usage = json!({"inputTokens": 3, "outputTokens": 9, "totalTokens": 12, "cacheReadInputTokens": 4});
    let content: Vec<Value> = parts.iter().enumerate().map(|(at, part)| part.block(at)).collect();
    let body =
        json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": stop, "usage": usage});
    let mut stream = event("messageStart", r#"{"role":"assistant"}"#);
    for (at, part) in parts.iter().enumerate() {
        let (start, pieces) = part.stream(at, size);
        let say = |kind: &str, name: &str, value: &Value| {
            event(kind, &json!({"contentBlockIndex": at, name: value, "p": "abcdef"}).to_string())
        };
        stream.extend(start.iter().flat_map(|start| say("contentBlockStart", "start", start)));
        stream.extend(pieces.iter().flat_map(|piece| say("contentBlockDelta", "delta", piece)));
        stream.extend(say("contentBlockStop", "p", &Value::Null));
    }
    let mut ends = [
        event("messageStop", &json!({"stopReason": stop}).to_string()),
        event("metadata", &json!({"usage": usage}).to_string()),
    ];
    if metadata_first {
        ends.reverse();
    }
    stream.extend(ends.concat());
    (body.to_string(), stream)
}

fn text() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\n\u{1}é😀\u{2028}]{0,12}"
}

fn part() -> impl Strategy<Value = Part> {
    let input = prop_oneof![Just(json!({})), text().prop_map(|text| json!({"input": text, "b": [1.50, {"c": null}]}))];
    prop_oneof![
        text().prop_map(Part::Text),
        (text(), "[a-z]{1,4}").prop_map(|(text, signature)| Part::Reasoning(text, signature)),
        "[a-z]{1,4}".prop_map(Part::Redacted),
        ("[a-z]{1,3}|patch", input).prop_map(|(name, input)| Part::Tool(name, input)),
    ]
}

proptest! {
    #[test]
    fn whole_and_streamed_are_one_answer(
        parts in prop::collection::vec(part(), 0..6),
        size in 1..7_usize,
        stop in prop_oneof![Just("end_turn"), Just("tool_use"), Just("guardrail_intervened"), Just("max_tokens"), Just("new")],
        metadata_first: bool,
        cut in 0..2_000_usize,
    ) {
        let (body, stream) = rendered(&parts, size, stop, metadata_first);
        let (before, after) = stream.split_at(cut.min(stream.len()));
        let (folded, end) = fold(&streamed([before, after], true).0);
        prop_assert_eq!(end, json!("[DONE]"));
        let whole: Value = serde_json::from_str(&whole(&body).unwrap()).unwrap();
        prop_assert_eq!(folded, canonical(&whole));
    }
}

proptest! {
    #[test]
    fn events_that_are_recognised_say_the_same(
        pieces in prop::collection::vec((0..3_u64, 0..3_u64, text(), "[a-zA-Z]{0,5}"), 0..12),
    ) {
        let streamed = |unlike: bool| {
            let mut stream = event("messageStart", r#"{"role":"assistant"}"#);
            let start = json!({"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}});
            stream.extend(event("contentBlockStart", &start.to_string()));
            for (at, (index, form, text, padding)) in pieces.iter().enumerate() {
                let delta = match form {
                    0 => json!({"text": text}),
                    1 => json!({"reasoningContent": {"text": text}}),
                    _ => json!({"toolUse": {"input": text}}),
                };
                let payload = json!({"contentBlockIndex": index, "delta": delta, "p": padding}).to_string();
                let spaces = " ".repeat(if unlike { at } else { 0 });
                stream.extend(event("contentBlockDelta", &payload.replacen('{', &format!("{{{spaces}"), 1)));
            }
            stream.extend(event("messageStop", r#"{"stopReason":"end_turn"}"#));
            streamed([&*stream], true).0
        };
        prop_assert_eq!(streamed(false), streamed(true));
    }
}
