//! Requests that are made to cost much: each is read in time that grows with its length and no faster. There is no clock
//! in these tests; where the time grew with the square of the length, they would take minutes.

use super::*;

fn chat(fields: &str) -> ChatRequest {
    let body = format!(r#"{{"model":"claude-sonnet-4-20250514","max_tokens":64,{fields}}}"#);
    ChatRequest::from_bytes(body).unwrap()
}

const MESSAGES: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

#[test]
fn a_long_name_among_many_tools() {
    let tools = vec![r#"{"type":"function","function":{"name":"f"}}"#; 20_000].join(",");
    let name = r"\u0061".repeat(200_000);
    let chat = chat(&format!(
        r#"{MESSAGES},"tools":[{tools}],"tool_choice":{{"type":"function","function":{{"name":"{name}"}}}}"#
    ));
    let error = anthropic().encode_request(&chat).unwrap_err();
    assert_eq!((error.param(), error.code()), (Some("tool_choice"), Some("invalid_value")));
}

#[test]
fn a_long_key_in_escapes() {
    let key = r"\u0061".repeat(1_000_000);
    let chat = chat(&format!(r#"{MESSAGES},"{key}":null"#));
    anthropic().encode_request(&chat).unwrap();
}
