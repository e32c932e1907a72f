//! What must hold for every conversation.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    "a[ a\\n\"é]{0,3}"
}

/// What stands between two answers of the model.
fn asked() -> impl Strategy<Value = Vec<Value>> {
    let message = prop_oneof![
        text().prop_map(|text| json!({"role": "user", "content": text})),
        text().prop_map(
            |text| json!({"role": "user", "content": [{"type": "text", "text": text}, {"type": "text", "text": ""}]})
        ),
        text().prop_map(|text| json!({"role": "system", "content": text})),
        Just(
            json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]})
        ),
    ];
    vec(message, 1..4)
}

/// An answer of the model, with the ids of its calls.
fn answered() -> impl Strategy<Value = (Value, Vec<String>)> {
    (text(), vec("[a.:_]{1,2}", 0..4), any::<bool>()).prop_map(|(text, ids, signed)| {
        let mut ids = ids;
        ids.sort();
        ids.dedup();
        let call = |id: &String| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{ }"}});
        let mut message = json!({"role": "assistant", "content": text});
        if !ids.is_empty() {
            message["tool_calls"] = ids.iter().map(call).collect();
        }
        if signed {
            message["reasoning_details"] = json!([{"type": "reasoning.text", "text": text, "signature": "s"}]);
        }
        (message, ids)
    })
}

/// A conversation as it was at each turn.
fn turns() -> impl Strategy<Value = Vec<Vec<Value>>> {
    (asked(), vec((answered(), asked(), any::<bool>()), 0..5)).prop_map(|(first, rest)| {
        let mut messages = vec![json!({"role": "user", "content": "first"})];
        messages.extend(first);
        let mut turns = vec![messages.clone()];
        for ((answer, ids), others, reversed) in rest {
            messages.push(answer);
            let mut results: Vec<Value> =
                ids.iter().map(|id| json!({"role": "tool", "tool_call_id": id, "content": id})).collect();
            if reversed {
                results.reverse();
            }
            messages.extend(results);
            messages.extend(others);
            turns.push(messages.clone());
        }
        turns
    })
}

/// The text of the `messages` array without its end.
fn said(model: &str, messages: &[Value]) -> String {
    let request = json!({"model": model, "messages": messages});
    let (upstream, _) = encode(&bedrock(), &request).unwrap();
    let again = encode(&bedrock(), &request).unwrap().0.body;
    assert_eq!(upstream.body, again);
    let text = String::from_utf8(upstream.body.to_vec()).unwrap();
    let messages = crate::json::Raw::parse(&text).unwrap().get("messages").unwrap().text();
    messages.strip_suffix(']').unwrap().to_owned()
}

/// Messages that are wrong in many ways, each followed by a comma.
fn messages() -> impl Strategy<Value = String> {
    let content = prop_oneof![
        Just(r#"null"#.to_owned()),
        Just(r#""""#.to_owned()),
        Just(r#""a\ud800\n""#.to_owned()),
        "text|file|image_url|input_audio|x".prop_map(|kind| {
            format!(r#"[{{"type":"{kind}","text":"x","file":{{}},"image_url":{{"url":"data:é"}},"cache_control":7}}]"#)
        }),
    ];
    let call = r#"[{"id":"é","function":{"name":"","arguments":"{"}}]"#;
    let calls = prop_oneof![Just("null"), Just("[]"), Just("[null]"), Just(call)];
    let fields = ("user|assistant|tool|system", content, calls);
    let message = fields.prop_map(|(role, content, calls)| {
        format!(r#"{{"role":"{role}","content":{content},"tool_calls":{calls},"tool_call_id":"é"}},"#)
    });
    vec(message, 1..4).prop_map(|messages| messages.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_turn_begins_with_the_one_before(turns in turns(), newest in any::<bool>()) {
        let model = if newest { "amazon.nova-lite-v1:0" } else { CLAUDE };
        for pair in turns.windows(2) {
            let (before, after) = (said(model, &pair[0]), said(model, &pair[1]));
            prop_assert!(after.starts_with(&before), "{}\n{}", before, after);
        }
    }

    /// Results answer the calls right before them, each once, and before anything else; ids are legal and unique.
    #[test]
    fn calls_and_results_are_pairs(turns in turns()) {
        let request = json!({"model": "anthropic.claude-opus-4-8", "messages": turns.last()});
        let body = body(&encode(&bedrock(), &request).unwrap().0);
        let mut seen = std::collections::HashSet::new();
        let mut open = Vec::new();
        for turn in body["messages"].as_array().unwrap() {
            let blocks = turn["content"].as_array().unwrap();
            prop_assert!(!blocks.is_empty());
            for (at, expected) in open.drain(..).enumerate() {
                prop_assert_eq!(&blocks[at]["toolResult"]["toolUseId"], &expected);
            }
            for block in blocks.iter().filter(|block| !block["toolUse"].is_null()) {
                let id = block["toolUse"]["toolUseId"].as_str().unwrap();
                prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte)));
                prop_assert!(seen.insert(id.to_owned()));
                open.push(json!(id));
            }
        }
    }

    /// Whatever is sent, the answer is a request or a 400, and never a panic.
    #[test]
    fn nothing_panics(messages in messages()) {
        let request = format!(r#"{{"model":"m","messages":[{}]}}"#, messages.trim_end_matches(','));
        if let Ok(chat) = ChatRequest::from_bytes(request) {
            let result = bedrock().encode_request(&chat);
            prop_assert!(result.is_ok() || result.is_err_and(|error| error.status() == 400));
        }
    }
}
