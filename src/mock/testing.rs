//! What the tests of this folder share.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Mock, MockBody};

/// A small chat for OpenAI.
pub(super) fn hello() -> Value {
    let messages = json!([
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": [{"type": "text", "text": "Hello there"}]},
    ]);
    json!({"model": "some-model", "messages": messages})
}

/// A request with more fields.
pub(super) fn with(mut request: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

pub(super) async fn ask(mock: &Mock, target: &str, request: &Value) -> Response<MockBody> {
    let request = Request::post(target).header("content-type", "application/json").body(request.to_string()).unwrap();
    mock.clone().oneshot(request).await.unwrap()
}

pub(super) async fn bytes(response: Response<MockBody>) -> std::io::Result<Bytes> {
    Ok(response.into_body().collect().await?.to_bytes())
}

pub(super) async fn json(response: Response<MockBody>) -> Value {
    serde_json::from_slice(&bytes(response).await.unwrap()).unwrap()
}

/// Name and data of each event.
pub(super) fn events(body: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(body).unwrap();
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned()).unwrap_or_default()
    };
    assert!(text.ends_with("\n\n"));
    text.trim_end().split("\n\n").map(|event| (field(event, "event:"), field(event, "data:"))).collect()
}
