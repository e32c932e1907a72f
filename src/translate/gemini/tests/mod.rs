//! The golden requests, the rows of the table of fields, and what must hold for all requests.

mod costly;
mod golden;
mod host;
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

/// An upstream at Google itself.
fn gemini() -> Gemini {
    Gemini::new("https://generativelanguage.googleapis.com").unwrap().key("provider-secret").unwrap()
}

fn encode(gemini: &Gemini, request: &Value) -> Result<(Upstream, Primed), ApiError> {
    gemini.encode_request(&ChatRequest::from_bytes(request.to_string())?)
}

fn body(upstream: &Upstream) -> Value {
    normal(serde_json::from_slice(&upstream.body).unwrap())
}

/// 1.0 is the same as 1.
fn normal(value: Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(normal).collect()),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, normal(value))).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other,
    }
}

/// A request with these fields changed; `null` takes one away.
fn with(mut request: Value, changes: &Value) -> Value {
    let fields = request.as_object_mut().unwrap();
    for (name, value) in changes.as_object().into_iter().flatten() {
        fields.insert(name.clone(), value.clone());
    }
    request
}
