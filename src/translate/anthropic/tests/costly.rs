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
fn long_ids_that_differ_in_their_last_characters() {
    let turn = |at: usize| {
        let id = format!("{}{at:06}", "x".repeat(58));
        format!(
            r#"{{"role":"assistant","tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"f"}}}}]}},
               {{"role":"tool","tool_call_id":"{id}","content":"x"}}"#
        )
    };
    let turns: Vec<String> = (0..10_000).chain(0..10_000).map(turn).collect();
    let chat = chat(&format!(r#""messages":[{}]"#, turns.join(",")));
    let (upstream, _) = anthropic().encode_request(&chat).unwrap();
    let body: Value = serde_json::from_slice(&upstream.body).unwrap();
    let id = |turn: &Value| turn["content"][0]["id"].as_str().map(str::to_owned);
    let ids: std::collections::HashSet<String> = body["messages"].as_array().unwrap().iter().filter_map(id).collect();
    assert_eq!((ids.len(), ids.iter().map(String::len).max()), (20_000, Some(64)));
}

#[test]
fn a_long_key_in_escapes() {
    let key = r"\u0061".repeat(1_000_000);
    let chat = chat(&format!(r#"{MESSAGES},"{key}":null"#));
    anthropic().encode_request(&chat).unwrap();
}

#[test]
fn arguments_do_not_take_the_request_deeper_than_any_may_be() {
    let ask = |levels: usize| {
        let arguments = format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let messages = json!([{"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "x"}]);
        anthropic().encode_request(&chat(&format!(r#""messages":{messages}"#)))
    };
    let (upstream, _) = ask(123).unwrap();
    assert!(crate::json::Raw::parse(std::str::from_utf8(&upstream.body).unwrap()).is_ok());
    for levels in [124, 128, 129] {
        let error = ask(levels).unwrap_err();
        assert_eq!(error.param(), Some("messages[0].tool_calls[0].function.arguments"), "{levels}");
    }
}
