//! What single quirks become.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Mender;
use crate::json::Raw;
use crate::translate::openai::repairs::Repairs;

const ALL: Repairs = Repairs {
    null_deltas: true,
    usage: true,
    reasoning_outside: true,
    content_parts: true,
    mirror_reasoning: true,
    finish_reasons: true,
    service_tiers: true,
    azure: true,
    model_name: true,
    quoted_errors: true,
};

fn chunks(repairs: Repairs, chunks: &[Value]) -> Vec<Value> {
    let mut mender = Mender::new(repairs, true, "asked");
    let mut out = Vec::new();
    for chunk in chunks {
        mender.chunk(Raw::parse(&chunk.to_string()).unwrap(), &mut out);
    }
    mender.end(&mut out);
    let events = String::from_utf8(out).unwrap();
    events
        .split_terminator("\n\n")
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}

fn delta(delta: &Value) -> Value {
    json!({"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

#[test]
fn the_role_is_told_once_and_first() {
    let role = json!({"role": "assistant", "content": "a"});
    let said = chunks(ALL, &[delta(&role), delta(&role)]);
    assert_eq!(said[0]["choices"][0]["delta"], role);
    assert_eq!(said[1]["choices"][0]["delta"], json!({"content": "a"}));
    let none = chunks(ALL, &[delta(&json!({"role": null, "reasoning": "r"}))]);
    let expected = json!({"role": "assistant", "content": "", "reasoning": "r", "reasoning_content": "r"});
    assert_eq!(none[0]["choices"][0]["delta"], expected);
}

#[test]
fn chunks_that_say_nothing_are_left_out() {
    let empty = json!({"role": null, "content": null, "tool_calls": []});
    assert_eq!(chunks(ALL, &[delta(&json!({"content": "a"})), delta(&empty), delta(&json!({"content": ""}))]).len(), 1);
    let odd =
        json!({"id": "x", "choices": [{"index": 0, "delta": {}, "logprobs": null, "content_filter_results": {}}]});
    assert_eq!(chunks(ALL, &[delta(&json!({"content": "a"})), odd]).len(), 2);
}

#[test]
fn usage_is_told_once_and_last() {
    let usage = |tokens: u64| json!({"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1});
    let root = json!({"id": "x", "created": 7, "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage(1)});
    let own = json!({"id": "x", "choices": [], "usage": usage(2)});
    let said = chunks(Repairs { model_name: false, ..ALL }, &[root, own]);
    assert_eq!(said.len(), 2);
    assert!(said[0].get("usage").is_none());
    let expected = json!({"id": "x", "created": 7, "model": "m", "object": "chat.completion.chunk", "choices": [], "usage": usage(2)});
    assert_eq!(said[1], expected);
}

#[test]
fn words_that_openai_does_not_have() {
    let finish = |word: &str| {
        let chunk = json!({"id": "x", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": word}]});
        let choice = chunks(ALL, &[chunk])[0]["choices"][0].clone();
        json!([choice["finish_reason"], choice["native_finish_reason"]])
    };
    assert_eq!(finish(""), json!([null, null]));
    assert_eq!(finish("eos"), json!(["stop", null]));
    assert_eq!(finish("insufficient_system_resource"), json!(["length", "insufficient_system_resource"]));
}

#[test]
fn what_is_off_stays_as_it_is() {
    let chunk = json!({"id": "x", "object": "chat.completion.chunk", "model": "m", "usage": {"prompt_tokens": 1},
        "choices": [{"index": 0, "delta": {"role": null, "content": [{"type": "text", "text": "a"}], "reasoning": "r"}, "finish_reason": "eos"}]});
    let only = Repairs { model_name: true, ..Repairs::NONE };
    let mut expected = chunk.clone();
    expected["model"] = json!("asked");
    assert_eq!(chunks(only, &[chunk]), [expected]);
}

/// Something like a chunk.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), Just(json!("")), Just(json!("a\"é")), Just(json!(7)), Just(json!([]))];
    leaf.prop_recursive(6, 48, 5, |inner| {
        let names = "choices|delta|message|content|usage|x_groq|tool_calls|function|name|role|finish_reason|index|thinking|type|text|id|model";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names, inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_comes_goes_out_as_json(values in prop::collection::vec(value(), 1..4)) {
        let _parsed = chunks(ALL, &values);
        for value in &values {
            let out = Mender::new(ALL, true, "asked").whole(Raw::parse(&value.to_string()).unwrap());
            prop_assert!(serde_json::from_slice::<Value>(&out).is_ok());
        }
    }
}
