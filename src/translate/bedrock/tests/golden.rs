//! The golden exchanges in `tests/golden/bedrock`.

use super::*;

fn text(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/golden/bedrock/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn read(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

#[test]
fn requests() {
    for name in [
        "arn_model_path",
        "error_throttling",
        "stream_exception",
        "stream_reasoning_metadata_first",
        "stream_text_tool",
        "structured_output",
        "text_basic",
        "tools_history",
    ] {
        let meta = read(&format!("{name}.meta.json"));
        let mut chat = ChatRequest::from_bytes(text(&format!("{name}.request.openai.json"))).unwrap();
        if let Some(upstream) = meta["upstream"].as_str() {
            chat = chat.with_model(upstream);
        }
        let (upstream, _) = bedrock().encode_request(&chat).unwrap();
        assert_eq!(body(&upstream), normal(read(&format!("{name}.request.provider.json"))), "{name}");
        assert!(upstream.dropped.is_empty(), "{name}: {:?}", upstream.dropped);
        assert_eq!(upstream.uri.path(), meta["provider_path"].as_str().unwrap());
        assert_eq!(upstream.headers["authorization"], "Bearer provider-secret");
    }
}
