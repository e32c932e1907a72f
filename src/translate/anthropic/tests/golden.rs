//! The golden exchanges in `tests/golden/anthropic`.

use super::*;

fn read(name: &str) -> Value {
    let path = format!("{}/tests/golden/anthropic/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn requests() {
    for name in [
        "error_529",
        "image_and_structured",
        "stream_error_midway",
        "stream_text_two_tools",
        "stream_text_usage",
        "text_basic",
        "thinking_round_trip",
        "tools_parallel_history",
    ] {
        let (upstream, primed) = encode(&anthropic(), &read(&format!("{name}.request.openai.json"))).unwrap();
        assert_eq!(body(&upstream), normal(read(&format!("{name}.request.provider.json"))), "{name}");
        assert!(upstream.dropped.is_empty(), "{name}: {:?}", upstream.dropped);
        assert!(primed.custom_tools.is_empty() && primed.structured_tool.is_none());
        let meta = read(&format!("{name}.meta.json"));
        assert_eq!(upstream.uri.path(), meta["provider_path"].as_str().unwrap());
        for (header, value) in meta["provider_headers"].as_object().unwrap() {
            assert_eq!(upstream.headers[header], value.as_str().unwrap());
        }
    }
}

#[test]
fn refused() {
    let error = encode(&anthropic(), &read("reject_untranslatable.request.openai.json")).unwrap_err();
    assert_eq!(error.status(), 400);
    let shown: Value = serde_json::from_slice(&error.to_json()).unwrap();
    assert_eq!(shown, read("reject_untranslatable.response.openai.json"));
}
