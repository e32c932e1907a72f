//! Answers of the wrong shape, and where each kind of ending leads.

use serde_json::{Value, json};

use super::{streamed, whole};
use crate::translate::bedrock::event_stream::write::{event, exception};

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
