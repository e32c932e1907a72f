//! Requests of clients.

use serde_json::value::RawValue;
use tower_completions::json::{MAX_DEPTH, Raw};
use tower_completions::{ApiError, ChatRequest};

use crate::Input;

/// What is taken is JSON and stays as it was; what is refused as no JSON is none; a new model changes the model alone.
pub fn chat(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let data = input.data;
    let is_json = serde_json::from_slice::<&RawValue>(data).is_ok();
    match ChatRequest::from_bytes(data.to_vec()) {
        Ok(chat) => {
            assert!(is_json && deepest(data) <= MAX_DEPTH as usize);
            assert_eq!(chat.to_bytes(), data);
            walk(&chat);
            renamed(&chat, &input);
        }
        Err(error) => {
            assert_eq!((error.status().as_u16(), error.kind()), (400, "invalid_request_error"));
            if error.code() == Some("invalid_json") {
                assert!(!is_json || deepest(data) > MAX_DEPTH as usize, "{}", error.message());
            } else {
                assert!(is_json, "{}", error.message());
            }
            serde_json::from_slice::<serde_json::Value>(&error.to_json()).unwrap();
        }
    }
}

/// How deep the brackets outside of strings go.
fn deepest(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'[' | b'{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Looks at everything once.
pub(crate) fn walk(chat: &ChatRequest) {
    assert!(!chat.to_bytes().is_empty() && chat.size() == chat.to_bytes().len());
    let (fields, extra) = (chat.fields().count(), chat.extra().count());
    assert!(fields >= extra + 2, "model and messages are documented");
    for (name, value) in chat.fields() {
        assert_eq!(chat.get(&name.to_str()).map(Raw::text), Some(value.text()));
        let _any = (value.as_bool(), value.as_f64(), value.as_u64(), value.as_str());
    }
    for message in chat.messages() {
        let Ok(message) = message else { continue };
        let _any = (message.role(), message.content(), message.text().is_ok(), message.path("x"));
        for part in message.parts().flatten() {
            let _any = (part.kind(), part.path(), part.cache_breakpoint());
        }
        for call in message.tool_calls().flatten() {
            let _any = (call.path("x"), format!("{call:?}"));
        }
    }
    let _any = (chat.tools().filter_map(Result::ok).filter_map(|tool| tool.name()).count(), chat.tool_choice().is_ok());
}

/// The same request for another model, which is read again.
fn renamed(chat: &ChatRequest, input: &Input<'_>) {
    let model = ["m", "\"\\\u{1}é\u{2028}", "a/b:c"][input.pick % 3];
    let bytes = chat.with_model(model).to_bytes();
    let again = ChatRequest::from_bytes(bytes.clone()).unwrap();
    assert_eq!(again.model(), model);
    assert_eq!((again.stream(), again.include_usage()), (chat.stream(), chat.include_usage()));
    let others = |chat: &ChatRequest| -> Vec<(String, String)> {
        let fields = chat.fields().filter(|(name, _)| !name.eq_str("model"));
        fields.map(|(name, value)| (name.to_str().into_owned(), value.text().to_owned())).collect()
    };
    assert_eq!(others(&again), others(chat));
    assert_eq!(again.with_model(chat.model().to_owned()).model(), chat.model());
    let patched = chat.patch().set("x_new", "[1]").set_str("user", model).remove("stream_options").finish();
    let patched: Result<ChatRequest, ApiError> = ChatRequest::from_bytes(patched);
    let patched = patched.unwrap();
    assert_eq!(patched.get("x_new").map(Raw::text), Some("[1]"));
    assert_eq!(patched.get("user").and_then(Raw::as_str).as_deref(), Some(model));
    assert!(patched.get("stream_options").is_none() && patched.model() == chat.model());
}
