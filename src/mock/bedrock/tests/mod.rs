mod access;
mod answers;
mod refusals;

use http::Response;
use serde_json::Value;

use super::super::testing::{ask, bytes, json, with};
use super::super::{Answer, EventStream, Mock, MockBody};

const CONVERSE: &str = "/model/anthropic.claude-sonnet-4-20250514-v1%3A0/converse";
const CONVERSE_STREAM: &str = "/model/anthropic.claude-sonnet-4-20250514-v1%3A0/converse-stream";

fn hello() -> Value {
    serde_json::json!({
        "system": [{"text": "Be terse."}],
        "messages": [{"role": "user", "content": [{"text": "Hello there"}]}],
    })
}

async fn say(request: &Value) -> Value {
    json(ask(&Mock::bedrock(), CONVERSE, request).await).await
}

/// The name of an error, from its header.
fn exception(response: &Response<MockBody>) -> &str {
    let kind = response.headers()["x-amzn-errortype"].to_str().unwrap();
    kind.split_once(':').unwrap().0
}

/// Name and payload of each event.
fn events(mut rest: &[u8]) -> Vec<(String, Value)> {
    let mut events = Vec::new();
    while !rest.is_empty() {
        let number = |at: usize| u32::from_be_bytes(*rest[at..].first_chunk().unwrap()) as usize;
        let (total, head) = (number(0), number(4));
        events.push((name(&rest[12..12 + head]), serde_json::from_slice(&rest[12 + head..total - 4]).unwrap()));
        rest = &rest[total..];
    }
    events
}

/// The value of the first header, which is the type of the event.
fn name(head: &[u8]) -> String {
    let (name, rest) = head[1..].split_at(head[0].into());
    assert!(name == b":event-type" || name == b":exception-type");
    let length = usize::from(rest[1]) << 8 | usize::from(rest[2]);
    String::from_utf8(rest[3..3 + length].to_vec()).unwrap()
}
