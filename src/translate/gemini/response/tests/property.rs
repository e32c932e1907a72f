//! A random answer, whole and as a stream, is the same answer.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{streamed, whole};
use crate::translate::decode::fold::{canonical, fold};

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Thought(String),
    Signature(String),
    Call(String, Value, bool),
}

impl Part {
    /// The part as a whole answer has it, and the pieces in which a stream brings it.
    fn pieces(&self, at: usize, size: usize) -> (Value, Vec<Value>) {
        let cut = |text: &str| -> Vec<String> {
            let chars: Vec<char> = text.chars().collect();
            chars.chunks(size).map(|piece| piece.iter().collect()).collect()
        };
        match self {
            Self::Text(text) => {
                (json!({"text": text}), cut(text).into_iter().map(|text| json!({"text": text})).collect())
            }
            Self::Thought(text) => {
                let thought = |text: &str| json!({"text": text, "thought": true});
                (thought(text), cut(text).iter().map(|text| thought(text)).collect())
            }
            Self::Signature(data) => {
                let part = json!({"text": "", "thoughtSignature": data});
                (part.clone(), vec![part])
            }
            Self::Call(name, args, signed) => {
                let mut part = json!({"functionCall": {"id": format!("c{at}"), "name": name, "args": args}});
                if *signed {
                    part["thoughtSignature"] = json!("U0k=");
                }
                (part.clone(), vec![part])
            }
        }
    }
}

fn rendered(parts: &[Part], size: usize, finish: &str) -> (String, String) {
    let usage = json!({"promptTokenCount": 9, "cachedContentTokenCount": 4, "candidatesTokenCount": 7,
        "thoughtsTokenCount": 5, "totalTokenCount": 21});
    let frame = |parts: Value, finish: Value| {
        json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}],
            "modelVersion": "gemini", "responseId": "r-1"})
    };
    let pieces: Vec<_> = parts.iter().enumerate().map(|(at, part)| part.pieces(at, size)).collect();
    let mut body = frame(pieces.iter().map(|(whole, _)| whole.clone()).collect(), json!(finish));
    body["usageMetadata"] = usage.clone();
    let mut frames: Vec<Value> =
        pieces.into_iter().flat_map(|(_, pieces)| pieces).map(|piece| frame(json!([piece]), Value::Null)).collect();
    frames.push(frame(Value::Null, json!(finish)));
    frames.push(json!({"usageMetadata": usage, "modelVersion": "gemini", "responseId": "r-1"}));
    (body.to_string(), frames.iter().map(|frame| format!("data: {frame}\r\n\r\n")).collect())
}

fn text() -> impl Strategy<Value = String> {
    "([a-z\"\\\\\n\u{1}é😀\u{2028}]|data: \\[DONE\\]){0,12}"
}

fn part() -> impl Strategy<Value = Part> {
    let args = prop_oneof![Just(json!({})), text().prop_map(|text| json!({"input": text, "b": [1.50, {"c": null}]}))];
    prop_oneof![
        text().prop_map(Part::Text),
        text().prop_map(Part::Thought),
        "[a-z]{1,4}".prop_map(Part::Signature),
        ("[a-z]{1,3}|patch", args, any::<bool>()).prop_map(|(name, args, signed)| Part::Call(name, args, signed)),
    ]
}

proptest! {
    #[test]
    fn whole_and_streamed_are_one_answer(
        parts in prop::collection::vec(part(), 0..6),
        size in 1..7_usize,
        finish in prop_oneof![Just("STOP"), Just("MAX_TOKENS"), Just("SAFETY"), Just("NEW")],
        cut in 0..2_000_usize,
    ) {
        let (body, stream) = rendered(&parts, size, finish);
        let (before, after) = stream.as_bytes().split_at(cut.min(stream.len()));
        let (folded, end) = fold(&streamed([before, after], true).0);
        prop_assert_eq!(end, json!("[DONE]"));
        let whole: Value = serde_json::from_str(&whole(&body).unwrap()).unwrap();
        prop_assert_eq!(folded, canonical(&whole));
    }
}

/// Frames as Gemini streams them: pieces of text, each with the counts up to it; no two alike if they are to be `unlike`.
fn counted(pieces: &[(bool, String, bool)], unlike: bool) -> String {
    let mut stream = String::new();
    for (at, (is_thought, text, has_usage)) in pieces.iter().enumerate() {
        let mut part = json!({"text": text});
        if *is_thought {
            part["thought"] = json!(true);
        }
        let candidate = json!({"content": {"parts": [part], "role": "model"}, "index": 0});
        let mut frame = json!({"candidates": [candidate], "modelVersion": "gemini", "responseId": "r-1"});
        if *has_usage {
            frame["usageMetadata"] = json!({"promptTokenCount": 9, "candidatesTokenCount": at, "thoughtsTokenCount": at * 3,
                "totalTokenCount": 9 + at * 4, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}]});
        }
        let frame = frame.to_string().replacen('{', &format!("{{{}", " ".repeat(if unlike { at } else { 0 })), 1);
        stream += &format!("data: {frame}\r\n\r\n");
    }
    stream + "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n"
}

proptest! {
    #[test]
    fn frames_that_are_recognised_say_the_same(
        pieces in prop::collection::vec((any::<bool>(), text(), any::<bool>()), 0..12),
    ) {
        let streamed = |unlike| streamed([counted(&pieces, unlike).as_bytes()], true).0;
        prop_assert_eq!(streamed(false), streamed(true));
    }
}
