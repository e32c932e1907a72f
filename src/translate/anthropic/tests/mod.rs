//! Every row of the table of fields, the golden requests, and what must hold for all requests.

mod costly;
mod golden;
mod models;
mod prefix;
mod rows;
mod table;

pub(in crate::translate) use table::table;

use serde_json::{Value, json};

use super::*;
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::translate::Upstream;
use crate::translate::decode::Primed;

/// An upstream at Anthropic itself.
fn anthropic() -> Anthropic {
    Anthropic::new("https://api.anthropic.com").unwrap().key("provider-secret").unwrap()
}

fn encode(anthropic: &Anthropic, request: &Value) -> Result<(Upstream, Primed), ApiError> {
    anthropic.encode_request(&ChatRequest::from_bytes(request.to_string())?)
}

fn body(upstream: &Upstream) -> Value {
    normal(serde_json::from_slice(&upstream.body).unwrap())
}

/// A content of one text is the same as a string; 1.0 is the same as 1.
fn normal(value: Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(normal).collect()),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) if name == "content" => (name, json!([{"type": "text", "text": text}])),
                value => (name, normal(value)),
            })
            .collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other,
    }
}

/// A request of one message, with these fields changed; `null` takes one away.
fn with(mut request: Value, changes: &Value) -> Value {
    let fields = request.as_object_mut().unwrap();
    for (name, value) in changes.as_object().into_iter().flatten() {
        fields.insert(name.clone(), value.clone());
    }
    request
}
