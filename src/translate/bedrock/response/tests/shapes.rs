//! Answers of the wrong shape, and where each kind of ending leads.

use serde_json::{Value, json};

use super::{streamed, whole};
use crate::translate::bedrock::event_stream::write::{event, exception};
use crate::translate::decode::fold::fold;

fn code(body: &str) -> (u16, String) {
    let error = whole(body).unwrap_err();
    assert!(!error.message().contains("10.0.0.1"));
    (error.status().as_u16(), error.code().unwrap_or_default().to_owned())
}

#[test]
fn what_cannot_be_read_is_a_502_and_is_never_shown() {
    for body in [
        "",
        "<html>10.0.0.1</html>",
        "null",
        "[]",
        "{}",
        r#"{"output":{"message":{"content":"10.0.0.1"}}}"#,
        r#"{"output":{"message":{"content":[7]}}}"#,
        r#"{"output":{"message":{"content":[{"text":7}]}}}"#,
        r#"{"output":{"message":{"content":[{"toolUse":{"input":{}}}]}}}"#,
        r#"{"output":{"message":{"content":[]}},"stopReason":7}"#,
        r#"{"output":{"message":{"content":[{"text":"half"}]}}}"#,
    ] {
        assert_eq!(code(body), (502, "upstream_error".to_owned()), "{body}");
    }
    for (kind, payload) in [
        ("contentBlockDelta", "10.0.0.1"),
        ("contentBlockDelta", "{}"),
        ("contentBlockDelta", r#"{"contentBlockIndex":"0","delta":{"text":"x"}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":7}}"#),
        ("contentBlockStart", r#"{"contentBlockIndex":0,"start":7}"#),
        ("contentBlockStart", r#"{"contentBlockIndex":0,"start":{"toolUse":{}}}"#),
        ("messageStop", r#"{"stopReason":7}"#),
    ] {
        let (out, error) = streamed([&*event(kind, payload)], false);
        assert_eq!(error.unwrap().code(), Some("upstream_error"), "{kind} {payload}");
        assert!(!out.contains("10.0.0.1") && !out.contains("[DONE]"));
    }
}

#[test]
fn exceptions_have_the_status_of_their_name() {
    for (name, status, code) in [
        ("throttlingException", 429, "rate_limit_exceeded"),
        ("validationException", 400, ""),
        ("serviceUnavailableException", 503, "server_is_overloaded"),
        ("modelStreamErrorException", 502, "upstream_error"),
    ] {
        let (out, error) = streamed([&*exception(name, r#"{"message":"x"}"#)], false);
        let error = error.unwrap();
        assert_eq!((error.status().as_u16(), error.code().unwrap_or_default()), (status, code));
        assert!(out.starts_with("data: {\"error\":"));
    }
}

#[test]
fn an_exception_in_a_200_has_the_status_of_its_name() {
    let body = r#"{"__type":"com.amazon#ThrottlingException","message":"Too many requests"}"#;
    assert_eq!(code(body), (429, "rate_limit_exceeded".to_owned()));
}

#[test]
fn endings() {
    let ends = |stop: &str, content: Value| {
        let body = json!({"output": {"message": {"content": content}}, "stopReason": stop});
        whole(&body.to_string()).map(|answer| {
            let choice = serde_json::from_str::<Value>(&answer).unwrap()["choices"][0].take();
            json!([choice["finish_reason"], choice["native_finish_reason"]])
        })
    };
    assert_eq!(ends("end_turn", json!([])).unwrap(), json!(["stop", null]));
    assert_eq!(ends("malformed_tool_use", json!([{"text": "x"}])).unwrap(), json!(["stop", "malformed_tool_use"]));
    assert_eq!(ends("malformed_tool_use", json!([])).unwrap_err().code(), Some("upstream_malformed_output"));
}

#[test]
fn reasoning_that_nobody_can_read_is_kept_piece_by_piece() {
    let piece = |data: &str| {
        event(
            "contentBlockDelta",
            &format!(r#"{{"contentBlockIndex":0,"delta":{{"reasoningContent":{{"redactedContent":"{data}"}}}}}}"#),
        )
    };
    let stream = [piece("QQ=="), piece("Qg=="), event("messageStop", r#"{"stopReason":"end_turn"}"#)].concat();
    let out = streamed([&*stream], false).0;
    for (index, data) in ["QQ==", "Qg=="].iter().enumerate() {
        let detail = format!(
            r#"{{"type":"reasoning.encrypted","data":"{data}","format":"anthropic-claude-v1","index":{index}}}"#
        );
        assert!(out.contains(&detail), "{out}");
    }
}

#[test]
fn sources_of_the_web_are_told() {
    let citations =
        json!([{"title": "T", "location": {"web": {"url": "https://e.test/"}}}, {"location": {"documentChar": {}}}]);
    let content = json!([{"text": "a"}, {"citationsContent": {"content": [{"text": "bc"}], "citations": citations}}]);
    let body = json!({"output": {"message": {"content": content}}, "stopReason": "end_turn"});
    let answer: Value = serde_json::from_str(&whole(&body.to_string()).unwrap()).unwrap();
    let message = &answer["choices"][0]["message"];
    assert_eq!(message["content"], "abc");
    let expected = json!([{"type": "url_citation", "url_citation":
        {"start_index": 1, "end_index": 3, "title": "T", "url": "https://e.test/"}}]);
    assert_eq!(message["annotations"], expected);
}

fn delta(index: u32, delta: Value) -> Vec<u8> {
    event("contentBlockDelta", &json!({"contentBlockIndex": index, "delta": delta}).to_string())
}

fn call(index: u32, name: &str) -> Vec<u8> {
    let start = json!({"toolUse": {"toolUseId": format!("c{index}"), "name": name}});
    event("contentBlockStart", &json!({"contentBlockIndex": index, "start": start}).to_string())
}

fn stop_block(index: u32) -> Vec<u8> {
    event("contentBlockStop", &json!({"contentBlockIndex": index}).to_string())
}

fn stop(reason: &str) -> Vec<u8> {
    event("messageStop", &json!({"stopReason": reason}).to_string())
}

#[test]
fn the_first_chunk_names_the_request() {
    let (out, _) = streamed([&*event("messageStart", r#"{"role":"assistant"}"#)], false);
    assert!(out.starts_with(r#"data: {"id":"chatcmpl-r-1""#) && out.contains(r#""role":"assistant""#), "{out}");
    let (out, _) = streamed([&*delta(0, json!({"text": "x"}))], false);
    assert!(out.starts_with(r#"data: {"id":"chatcmpl-r-1""#), "{out}");
}

#[test]
fn a_second_call_is_told_once_the_first_has_ended() {
    let begun = [call(0, "first"), call(1, "second")].concat();
    assert!(!streamed([&*begun], false).0.contains("second"));
    let ended = [begun, stop_block(0)].concat();
    assert!(streamed([&*ended], false).0.contains("second"));
}

#[test]
fn a_model_that_thought_and_then_failed_has_said_something() {
    let thought = |text: &str| {
        let reasoning = json!({"reasoningContent": {"text": text}});
        streamed([&*[delta(0, reasoning), stop("malformed_model_output")].concat()], false).1
    };
    assert!(thought("hm").is_none());
    assert_eq!(thought("").unwrap().code(), Some("upstream_malformed_output"));
}

#[test]
fn each_signature_is_told_whatever_stands_beside_it() {
    let signed = |text: &str| delta(0, json!({"reasoningContent": {"text": text, "signature": "c2ln"}}));
    let (out, error) = streamed([&*[signed("a"), signed("b"), signed("c"), stop("end_turn")].concat()], false);
    assert!(error.is_none());
    assert_eq!(out.matches("c2ln").count(), 3);
}

#[test]
fn a_citation_in_a_stream_belongs_to_its_text() {
    let citation = json!({"citation": {"title": "T", "location": {"web": {"url": "https://e.test/"}}}});
    let stream = [delta(0, json!({"text": "abc"})), delta(0, citation), stop_block(0), stop("end_turn")].concat();
    let (answer, _) = fold(&streamed([&*stream], false).0);
    assert_eq!(answer["message"]["annotations"][0]["url_citation"]["url"], "https://e.test/");
}

#[test]
fn what_the_provider_calls_itself_is_no_call() {
    let tool = json!({"toolUse": {"toolUseId": "t", "name": "nova_grounding", "type": "server_tool_use", "input": {}}});
    let body = json!({"output": {"message": {"content": [tool, {"text": "x"}]}}, "stopReason": "end_turn"});
    let answer: Value = serde_json::from_str(&whole(&body.to_string()).unwrap()).unwrap();
    let message = &answer["choices"][0]["message"];
    assert_eq!((&message["content"], message.get("tool_calls")), (&json!("x"), None));
}

#[test]
fn half_a_frame_at_the_end_is_no_end() {
    let good = [delta(0, json!({"text": "x"})), stop("end_turn")].concat();
    assert!(streamed([&*good], false).1.is_none());
    let metadata = event("metadata", r#"{"usage":{"inputTokens":1,"outputTokens":1}}"#);
    let half = [&*good, &metadata[..metadata.len() - 1]].concat();
    assert_eq!(streamed([&*half], false).1.unwrap().code(), Some("upstream_error"));
}
