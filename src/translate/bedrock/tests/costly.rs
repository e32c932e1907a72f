//! Requests that are made to cost much: each is read in time that grows with its length and no faster. There is no clock
//! in these tests; where the time grew with the square of the length, they would take minutes.

use super::*;

#[test]
fn many_tools_that_were_called_and_are_not_there() {
    let name = |at: usize| format!("{}{at:06}", "x".repeat(50));
    let call = |at: usize| json!({"id": format!("c{at}"), "type": "function", "function": {"name": name(at), "arguments": "{}"}});
    let said = json!({"role": "assistant", "tool_calls": (0..20_000).map(call).collect::<Value>()});
    let mut messages = vec![json!({"role": "user", "content": "?"}), said];
    messages.extend((0..20_000).map(|at| json!({"role": "tool", "tool_call_id": format!("c{at}"), "content": "x"})));
    let request = json!({"model": "amazon.nova-pro-v1:0", "messages": messages});
    let (upstream, _) = encode(&bedrock(), &request).unwrap();
    let body: Value = serde_json::from_slice(&upstream.body).unwrap();
    assert_eq!(body["toolConfig"]["tools"].as_array().unwrap().len(), 20_000);
}
