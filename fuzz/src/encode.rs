//! A request in each provider's words.

use http::header::CONTENT_TYPE;
use serde_json::Value;
use tower_completions::translate::Dialect;
use tower_completions::ChatRequest;

use crate::chat::walk;
use crate::{Input, requests};

/// Models between which the dialects tell.
const MODELS: [&str; 8] = [
    "m",
    "claude-3-5-haiku-20241022",
    "claude-sonnet-4-5",
    "claude-opus-4-8",
    "gemini-2.5-flash",
    "gemini-3-pro-preview",
    "anthropic.claude-sonnet-4-20250514-v1:0",
    "amazon.nova-pro-v1:0",
];

/// The same request gives the same bytes, which are JSON; or a 400. No header comes from the client.
pub fn encode(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let Ok(chat) = ChatRequest::from_bytes(input.data.to_vec()) else { return };
    walk(&chat);
    let chat = match input.pick / 32 {
        0 => chat,
        other => chat.with_model(MODELS[other]),
    };
    match input.pick % 32 {
        at @ 0..16 => said(&requests::openai()[at], &chat),
        at @ 16..18 => said(&requests::azure()[at - 16], &chat),
        18..23 => said(requests::anthropic(), &chat),
        23..28 => said(requests::gemini(), &chat),
        _ => said(requests::bedrock(), &chat),
    }
}

fn said(dialect: &impl Dialect, chat: &ChatRequest) {
    match (dialect.encode(chat), dialect.encode(chat)) {
        (Ok((first, _)), Ok((second, _))) => {
            assert_eq!((&first.uri, &first.headers, &first.body), (&second.uri, &second.headers, &second.body));
            assert_eq!(first.uri.host(), Some("h"));
            assert!(!first.uri.path().contains("/../"));
            assert_eq!(first.headers[CONTENT_TYPE], "application/json");
            assert!(first.headers.values().all(|value| value.as_bytes().len() < 64), "{:?}", first.headers);
            let body: &serde_json::value::RawValue = serde_json::from_slice(&first.body).unwrap();
            assert!(body.get().starts_with('{'));
            assert!(first.dropped.iter().all(|field| !field.is_empty()));
        }
        (Err(first), Err(second)) => {
            // Some models have no place in a URL.
            assert!([400, 404].contains(&first.status().as_u16()));
            assert_eq!((first.message(), first.param()), (second.message(), second.param()));
            let _: Value = serde_json::from_slice(&first.to_json()).unwrap();
        }
        _ => panic!("one request, two verdicts"),
    }
}
