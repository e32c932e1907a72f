//! Answers of the wrong shape, and where each kind of ending leads.

use serde_json::json;

use super::{streamed, whole};
use crate::error::ApiError;
use crate::translate::decode::fold::fold;

fn code(error: Option<ApiError>) -> (u16, String) {
    let error = error.unwrap();
    (error.status().as_u16(), error.code().unwrap_or_default().to_owned())
}

const START: &str = r#"data: {"type":"message_start","message":{"id":"m","model":"c"}}"#;

#[test]
fn what_cannot_be_read_is_a_502_and_is_never_shown() {
    for body in [
        "",
        "<html>10.0.0.1</html>",
        "null",
        "[]",
        "{}",
        "\"10.0.0.1\"",
        r#"{"content":"10.0.0.1"}"#,
        r#"{"content":[7]}"#,
        r#"{"content":[{"type":"text","text":7}]}"#,
        r#"{"content":[{"type":"tool_use","input":{}}]}"#,
        r#"{"content":[{"type":"tool_use","id":"c","input":{}}],"stop_reason":"tool_use"}"#,
        r#"{"content":[{"type":"tool_use","name":"f","input":{}}],"stop_reason":"tool_use"}"#,
        r#"{"content":[],"stop_reason":7}"#,
        r#"{"choices":[{"message":{"content":"10.0.0.1"}}]}"#,
    ] {
        let error = whole(body).unwrap_err();
        assert!(!error.message().contains("10.0.0.1"));
        assert_eq!(code(Some(error)), (502, "upstream_error".to_owned()), "{body}");
    }
    for event in [
        "{",
        "null",
        "[]",
        "7",
        "{}",
        "10.0.0.1",
        r#"{"type":7}"#,
        r#"{"type":"content_block_delta","index":0,"delta":"x"}"#,
        r#"{"type":"content_block_delta","index":"0","delta":{"type":"text_delta","text":"x"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":7}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":7}"#,
        r#"{"type":"message_start","message":7}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":7}}"#,
        "{\"type\":\"ping\"} x",
    ] {
        let (out, error) = streamed([format!("{START}\n\ndata: {event}\n\n").as_bytes()], false);
        assert_eq!(code(error), (502, "upstream_error".to_owned()), "{event}");
        assert!(!out.contains("10.0.0.1") && !out.contains("[DONE]") && !out.contains("\"stop\""));
    }
    let (_, error) = streamed([&b"data: \"\xff\"\n\n"[..]], false);
    assert_eq!(code(error), (502, "upstream_error".to_owned()));
    let (_, error) = streamed([&b"<html>no stream</html>"[..]], false);
    assert_eq!(code(error), (502, "upstream_error".to_owned()));
    let (_, error) = streamed([&b"data: {\"type\":\"message_stop\"}\n\n"[..]], false);
    assert_eq!(code(error), (502, "upstream_error".to_owned()));
}

#[test]
fn an_error_in_a_200_has_the_status_of_its_type() {
    let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    assert_eq!(code(whole(body).err()), (503, "server_is_overloaded".to_owned()));
    let (out, error) = streamed([format!("event: error\ndata: {body}\n\n").as_bytes()], false);
    assert_eq!(code(error), (503, "server_is_overloaded".to_owned()));
    assert!(out.starts_with("data: {\"error\":"));
    let bare = r#"{"error":{"type":"rate_limit_error","message":"x"}}"#;
    assert_eq!(code(whole(bare).err()).0, 429);
    assert_eq!(code(streamed([format!("data: {bare}\n\n").as_bytes()], false).1).0, 429);
}

#[test]
fn an_endless_event_is_too_large() {
    let (_, error) = streamed(std::iter::repeat_n(&[b'x'; 1 << 20][..], 9), false);
    assert_eq!(code(error), (502, "upstream_response_too_large".to_owned()));
}

#[test]
fn what_is_kept_back_has_a_limit() {
    let begin = |index: u32, name: &str| {
        let block = format!(r#"{{"type":"tool_use","id":"c{index}","name":"{name}","input":{{}}}}"#);
        format!("data: {{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{block}}}\n\n")
    };
    let open: String = (0..2_000).map(|index| begin(index, "f")).collect();
    assert_eq!(code(streamed([open.as_bytes()], false).1), (502, "upstream_error".to_owned()));
    let delta = format!(
        "data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}}}\n\n",
        "x".repeat(1 << 20)
    );
    let start = begin(0, "patch");
    let pieces = std::iter::once(start.as_bytes()).chain(std::iter::repeat_n(delta.as_bytes(), 40));
    assert_eq!(code(streamed(pieces, false).1), (502, "upstream_response_too_large".to_owned()));
}

#[test]
fn emulated_tools_are_taken_back_in_whole_answers_too() {
    let answer = |name: &str, input: &str| {
        let block = format!(r#"{{"type":"tool_use","id":"c","name":"{name}","input":{input}}}"#);
        let body = format!(r#"{{"id":"m","model":"c","content":[{block}],"stop_reason":"tool_use"}}"#);
        let answer: serde_json::Value = serde_json::from_str(&whole(&body).unwrap()).unwrap();
        answer["choices"][0].clone()
    };
    let custom = answer("patch", r#"{"input": "a\n\"b\""}"#);
    assert_eq!(custom["message"]["tool_calls"][0]["custom"]["input"], "a\n\"b\"");
    assert_eq!(custom["finish_reason"], "tool_calls");
    let other = answer("patch", r#"{"text": 7}"#);
    assert_eq!(other["message"]["tool_calls"][0]["custom"]["input"], r#"{"text":7}"#);
    let structured = answer("answer", r#"{ "colour": "red" }"#);
    assert_eq!(structured["message"]["content"], r#"{"colour":"red"}"#);
    assert_eq!((&structured["finish_reason"], structured["message"].get("tool_calls")), (&"stop".into(), None));
}

#[test]
fn what_lost_its_beginning_is_told_all_the_same() {
    let delta = |index: u32, delta: &str| {
        format!("data: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{delta}}}\n\n")
    };
    let stream = [
        delta(0, r#"{"type":"input_json_delta","partial_json":"{}"}"#),
        delta(1, r#"{"type":"new_delta","text":"no"}"#),
        delta(2, r#"{"type":"thinking_delta","thinking":"hm"}"#),
        delta(3, r#"{"type":"text_delta","text":"yes"}"#),
        delta(3, r#"{"type":"thinking_delta","thinking":"no"}"#),
        "data: {\"type\":\"tool_change\",\"delta\":7,\"index\":\"x\"}\n\n".to_owned(),
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n".to_owned(),
    ];
    let (answer, end) = fold(&streamed([stream.concat().as_bytes()], false).0);
    assert_eq!((&answer["id"], &answer["message"]["content"]), (&"chatcmpl-1".into(), &"yes".into()));
    assert_eq!((&answer["message"]["reasoning_content"], end), (&"hm".into(), "[DONE]".into()));
}

#[test]
fn calls_that_wait_for_the_first_have_a_limit() {
    let call = |index: u32| {
        let block = format!(r#"{{"type":"tool_use","id":"c{index}","name":"f","input":{{}}}}"#);
        format!(
            "data: {{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{block}}}\n\n\
             data: {{\"type\":\"content_block_stop\",\"index\":{}}}\n\n",
            if index == 0 { 99_999 } else { index }
        )
    };
    let stop = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"}}\n\n";
    let many = |count: u32| (0..count).map(call).collect::<String>() + stop;
    assert!(streamed([many(1_000).as_bytes()], false).1.is_none());
    assert_eq!(code(streamed([many(2_000).as_bytes()], false).1), (502, "upstream_error".to_owned()));
    let name = "f".repeat(1 << 20);
    let large = (0..40).map(|index| call(index).replace("\"f\"", &format!("\"{name}\"")));
    let large: Vec<String> = large.collect();
    let pieces = large.iter().map(String::as_bytes);
    assert_eq!(code(streamed(pieces, false).1), (502, "upstream_response_too_large".to_owned()));
}

#[test]
fn citations_that_say_nothing_count_too() {
    let citations = vec!["1"; 100_000].join(",");
    let block = format!(r#"{{"type":"text","text":"x","citations":[{citations}]}}"#);
    let event = format!("data: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{block}}}\n\n");
    let event = event.as_bytes();
    assert!(streamed([event], false).1.is_some_and(|error| error.code() == Some("upstream_error")), "it breaks off");
    let many = std::iter::repeat_n(event, 20);
    assert_eq!(code(streamed(many, false).1), (502, "upstream_response_too_large".to_owned()));
}

#[test]
fn no_event_repeats_a_head_without_measure() {
    let long = "m".repeat(1 << 20);
    let start =
        format!("data: {{\"type\":\"message_start\",\"message\":{{\"id\":\"{long}\",\"model\":\"{long}\"}}}}\n\n");
    let delta = r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}"#;
    let stream = format!("{start}{}", format!("{delta}\n\n").repeat(1_000));
    assert!(streamed([stream.as_bytes()], false).0.len() < 4 << 20);
}

/// An event of a stream.
fn event(data: &serde_json::Value) -> String {
    format!("data: {data}\n\n")
}

fn start_call(index: u32, name: &str, input: serde_json::Value) -> String {
    let block = json!({"type": "tool_use", "id": format!("c{index}"), "name": name, "input": input});
    event(&json!({"type": "content_block_start", "index": index, "content_block": block}))
}

fn arguments(index: u32, text: &str) -> String {
    let delta = json!({"type": "input_json_delta", "partial_json": text});
    event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
}

fn stop_block(index: u32) -> String {
    event(&json!({"type": "content_block_stop", "index": index}))
}

fn ended(reason: &str) -> String {
    event(&json!({"type": "message_delta", "delta": {"stop_reason": reason}}))
        + &event(&json!({"type": "message_stop"}))
}

/// The tool calls that a client folds a stream to.
fn calls(events: &[String]) -> serde_json::Value {
    let stream = format!("{START}\n\n{}", events.concat());
    let (out, error) = streamed([stream.as_bytes()], false);
    assert!(error.is_none(), "{out}");
    fold(&out).0["message"]["tool_calls"].take()
}

#[test]
fn a_call_that_waited_goes_on_where_it_was() {
    let told = calls(&[
        start_call(0, "f", json!({})),
        start_call(1, "g", json!({})),
        arguments(1, r#"{"a":"#),
        arguments(0, "{}"),
        stop_block(0),
        arguments(1, "1}"),
        stop_block(1),
        ended("tool_use"),
    ]);
    assert_eq!(told[0]["function"], json!({"name": "f", "arguments": {}}));
    assert_eq!(told[1]["function"], json!({"name": "g", "arguments": {"a": 1}}));
}

#[test]
fn what_is_still_open_at_the_end_is_told() {
    let told = calls(&[start_call(0, "patch", json!({})), arguments(0, r#"{"input":"x"}"#), ended("tool_use")]);
    assert_eq!(told[0]["custom"], json!({"name": "patch", "input": "x"}));
}

#[test]
fn arguments_may_be_there_from_the_start_and_in_a_string() {
    let long = json!({"a": "x".repeat(100)});
    let told = calls(&[
        start_call(0, "f", json!(r#"{"a":1}"#)),
        start_call(1, "g", long.clone()),
        start_call(2, "h", json!("")),
        stop_block(0),
        stop_block(1),
        stop_block(2),
        ended("tool_use"),
    ]);
    let given = [0, 1, 2].map(|at| told[at]["function"]["arguments"].clone());
    assert_eq!(given, [json!({"a": 1}), long, json!({})]);
}

#[test]
fn long_names_and_many_citations_are_no_more_than_they_are() {
    let name = "n".repeat(5_000);
    let many =
        (0..3).map(|index| start_call(index, &name, json!({})).replace("\"id\":\"c", &format!("\"id\":\"{name}")));
    let many: Vec<String> = many.chain([ended("tool_use")]).collect();
    assert_eq!(calls(&many).as_array().map(Vec::len), Some(3));
    let citation = json!({"type": "char_location", "cited_text": "y".repeat(100)});
    let block = json!({"type": "text", "text": "x", "citations": vec![citation; 8_000]});
    let body = json!({"content": [block], "stop_reason": "end_turn"});
    assert!(whole(&body.to_string()).is_ok());
}

#[test]
fn a_tool_beside_the_one_that_stands_for_the_answer_is_a_call() {
    let block = |id: &str, name: &str| json!({"type": "tool_use", "id": id, "name": name, "input": {}});
    let reason = |content: serde_json::Value| {
        let body = json!({"content": content, "stop_reason": "tool_use"}).to_string();
        let answer: serde_json::Value = serde_json::from_str(&whole(&body).unwrap()).unwrap();
        answer["choices"][0]["finish_reason"].clone()
    };
    assert_eq!(reason(json!([block("a", "answer")])), "stop");
    assert_eq!(reason(json!([block("a", "answer"), block("b", "other")])), "tool_calls");
    assert_eq!(reason(json!([block("b", "other")])), "tool_calls");
}

#[test]
fn a_whole_refusal_has_its_explanation() {
    let body = json!({"content": [], "stop_reason": "refusal", "stop_details": {"explanation": "no such thing"}});
    let answer: serde_json::Value = serde_json::from_str(&whole(&body.to_string()).unwrap()).unwrap();
    assert_eq!(answer["choices"][0]["message"]["refusal"], "no such thing");
}
