//! The golden exchanges in `tests/golden/gemini`.

use super::*;

fn read(name: &str) -> Value {
    let path = format!("{}/tests/golden/gemini/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn requests() {
    for name in [
        "blocked_prompt",
        "error_429_retryinfo",
        "json_schema_image",
        "stream_error_midway",
        "stream_tool_split_finish",
        "text_basic",
        "tools_parallel_signature",
    ] {
        let (upstream, primed) = encode(&gemini(), &read(&format!("{name}.request.openai.json"))).unwrap();
        assert_eq!(body(&upstream), normal(read(&format!("{name}.request.provider.json"))), "{name}");
        assert!(upstream.dropped.is_empty(), "{name}: {:?}", upstream.dropped);
        assert!(primed.custom_tools.is_empty() && primed.structured_tool.is_none());
        let meta = read(&format!("{name}.meta.json"));
        assert_eq!(upstream.uri.path_and_query().unwrap().as_str(), meta["provider_path"].as_str().unwrap());
        for (header, value) in meta["provider_headers"].as_object().unwrap() {
            assert_eq!(upstream.headers[header], value.as_str().unwrap());
        }
    }
}
