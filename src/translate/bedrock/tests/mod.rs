//! The golden requests, what single fields become, and what must hold for all requests.

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

const CLAUDE: &str = "anthropic.claude-sonnet-4-20250514-v1:0";

fn bedrock() -> Bedrock {
    Bedrock::in_region("us-east-1").unwrap().key("provider-secret").unwrap()
}

fn encode(bedrock: &Bedrock, request: &Value) -> Result<(Upstream, Primed), ApiError> {
    bedrock.encode_request(&ChatRequest::from_bytes(request.to_string())?)
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
