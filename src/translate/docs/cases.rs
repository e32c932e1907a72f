//! Requests without and with something inside a field, for the rows about it.

use serde_json::{Value, json};

use super::{Nested, nested};
use crate::translate::encode::fields::Row;

/// A request with these fields changed; `null` takes one away.
fn with(mut request: Value, changes: &Value) -> Value {
    let fields = request.as_object_mut().unwrap();
    for (name, value) in changes.as_object().into_iter().flatten() {
        fields.insert(name.clone(), value.clone());
    }
    request
}

/// A question, with other fields of the request.
pub(in crate::translate) fn asked(more: &Value) -> Value {
    with(json!({"messages": [{"role": "user", "content": "A question"}]}), more)
}

/// A question, with other fields of its message.
pub(in crate::translate) fn user(more: &Value) -> Value {
    json!({"messages": [with(json!({"role": "user", "content": "A question"}), more)]})
}

/// A question after instructions in this role.
pub(in crate::translate) fn instructed(role: &str) -> Value {
    json!({"messages": [{"role": role, "content": "Be brief"}, {"role": "user", "content": "A question"}]})
}

/// A question, an answer with these fields, and another question.
fn talk(more: &Value) -> Value {
    let answer = with(json!({"role": "assistant", "content": "An answer"}), more);
    json!({"messages": [{"role": "user", "content": "A question"}, answer, {"role": "user", "content": "Go on"}]})
}

/// A row about a field of an assistant's message.
pub(in crate::translate) fn said(row: Row, more: &Value) -> Nested {
    nested(row, talk(&json!({})), talk(more))
}

/// A row about a part of a user's message.
pub(in crate::translate) fn part(row: Row, part: Value) -> Nested {
    let asks = |parts: Value| json!({"messages": [{"role": "user", "content": parts}]});
    let text = json!({"type": "text", "text": "A question"});
    nested(row, asks(json!([text])), asks(json!([text, part])))
}

/// A row about a field of an image.
pub(in crate::translate) fn image(row: Row, more: &Value) -> Nested {
    let asks = |more: &Value| {
        let image = with(json!({"url": "data:image/png;base64,AAAA"}), more);
        json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": image}]}]})
    };
    nested(row, asks(&json!({})), asks(more))
}

/// A row about a mark for the prompt cache.
pub(in crate::translate) fn breakpoint(row: Row) -> Nested {
    let asks = |mark: Value| {
        let part = json!({"type": "text", "text": "More", "prompt_cache_breakpoint": mark});
        json!({"messages": [{"role": "user", "content": [part]}]})
    };
    nested(row, asks(Value::Null), asks(json!({"ttl": "1h"})))
}

/// A call of a function.
pub(in crate::translate) fn call(id: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}})
}

/// A conversation in which this was called and answered; the result has these fields, too.
pub(in crate::translate) fn called(call: &Value, result: &Value) -> Value {
    let result = with(json!({"role": "tool", "tool_call_id": call["id"], "content": "noon"}), result);
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let said = json!({"role": "assistant", "tool_calls": [call]});
    json!({"tools": tools, "messages": [{"role": "user", "content": "?"}, said, result]})
}

/// A request with a function, which has these fields, too.
pub(in crate::translate) fn function(more: &Value) -> Value {
    asked(&json!({"tools": [{"type": "function", "function": with(json!({"name": "f"}), more)}]}))
}

/// A request with a custom tool, which has these fields, too.
pub(in crate::translate) fn custom(more: &Value) -> Value {
    asked(&json!({"tools": [{"type": "custom", "custom": with(json!({"name": "g"}), more)}]}))
}

/// A row about the tools that may be called, of two.
pub(in crate::translate) fn allowed_tools(row: Row) -> Nested {
    let both =
        json!([{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]);
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}});
    nested(row, asked(&json!({"tools": both})), asked(&json!({"tools": both, "tool_choice": allowed})))
}

/// A row about `response_format: {"type": "json_object"}`.
pub(in crate::translate) fn json_object(row: Row) -> Nested {
    nested(row, asked(&json!({})), asked(&json!({"response_format": {"type": "json_object"}})))
}

/// What a custom tool may demand of its input.
pub(in crate::translate) fn grammar() -> Value {
    json!({"format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a"}}})
}

/// What a model reasoned, signed by the one whose format this is.
pub(in crate::translate) fn signed(format: &str) -> Value {
    json!([{"type": "reasoning.text", "text": "Hm", "signature": "RXE=", "format": format}])
}
