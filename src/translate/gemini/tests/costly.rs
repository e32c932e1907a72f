//! Requests that are made to cost much: each is read in time that grows with its length and no faster. There is no clock
//! in these tests; where the time grew with the square of the length, they would take minutes.

use super::*;

#[test]
fn many_calls_with_a_signature_for_each() {
    let ids: Vec<String> = (0..20_000).map(|at| format!("{}{at:06}", "x".repeat(50))).collect();
    let call = |id: &String| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let detail =
        |id: &String| json!({"type": "reasoning.encrypted", "format": "google-gemini-v1", "id": id, "data": "U0k="});
    let said = json!({"role": "assistant", "tool_calls": ids.iter().map(call).collect::<Value>(),
        "reasoning_details": ids.iter().rev().map(detail).collect::<Value>()});
    let mut messages = vec![json!({"role": "user", "content": "?"}), said];
    messages.extend(ids.iter().map(|id| json!({"role": "tool", "tool_call_id": id, "content": "x"})));
    let (upstream, _) = encode(&gemini(), &json!({"model": "gemini-3-pro", "messages": messages})).unwrap();
    let body = body(&upstream);
    let parts = body["contents"][1]["parts"].as_array().unwrap();
    assert!(parts.len() == 20_000 && parts.iter().all(|part| part["thoughtSignature"] == "U0k="));
}
