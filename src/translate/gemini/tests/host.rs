//! What the host says: where the models are, what they take, and what is asked of all of them.

use super::*;

fn hi(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]})
}

#[test]
fn a_model_is_one_segment_of_the_path() {
    for (model, path) in [
        ("models/gemini-2.5-flash", "/v1beta/models/gemini-2.5-flash:generateContent"),
        ("tunedModels/x-1", "/v1beta/tunedModels/x-1:generateContent"),
        ("../a?key=b#c:d", "/v1beta/models/..%2Fa%3Fkey%3Db%23c%3Ad:generateContent"),
    ] {
        let (upstream, _) = encode(&gemini(), &hi(model)).unwrap();
        assert_eq!(upstream.uri.path_and_query().unwrap(), path);
    }
}

#[test]
fn headers_hold_the_credentials_and_nothing_shows_them() {
    let vertex =
        Gemini::at("https://a-aiplatform.googleapis.com/v1/projects/p/locations/a/publishers/google/").unwrap();
    let vertex = vertex.bearer("planted").unwrap();
    let (upstream, _) = encode(&vertex, &with(hi("gemini-3-pro"), &json!({"stream": true}))).unwrap();
    let path = "/v1/projects/p/locations/a/publishers/google/models/gemini-3-pro:streamGenerateContent?alt=sse";
    assert_eq!(upstream.uri.path_and_query().unwrap(), path);
    assert_eq!(upstream.headers["authorization"], "Bearer planted");
    assert_eq!(upstream.headers["accept"], "text/event-stream");
    assert!(!upstream.headers.contains_key("x-goog-api-key"));
    assert!(!format!("{vertex:?} {upstream:?}").contains("planted"));
}

#[test]
fn settings_are_checked() {
    for base in ["", "google.com", "https://u:p@h", "https://h?x", "https://h#x", "https://h/v1beta/", "https://h/v1"] {
        assert!(Gemini::new(base).is_err(), "{base}");
    }
    assert!(gemini().key("a\nb").is_err());
}

#[test]
fn safety_is_the_hosts() {
    let gemini = gemini().safety("HARM_CATEGORY_HARASSMENT", "OFF").safety("HARM_CATEGORY_HATE_SPEECH", "BLOCK_NONE");
    let expected = json!([
        {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"},
        {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"},
    ]);
    assert_eq!(body(&encode(&gemini, &hi("m")).unwrap().0)["safetySettings"], expected);
}

#[test]
fn the_host_knows_better() {
    let plain = Capabilities::unknown().thinking(Thinking::None).sampling(false).json_schemas(false);
    let gemini = gemini().model_capabilities("*", Capabilities::unknown()).model_capabilities("local-*", plain);
    let request = |model| {
        with(
            hi(model),
            &json!({"temperature": 0.5, "tools": [{"type": "function", "function":
        {"name": "f", "parameters": {"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": {"type": "string"}}}}}}}]}),
        )
    };
    let (upstream, _) = encode(&gemini, &request("local-7b")).unwrap();
    assert!(upstream.dropped.iter().eq(["temperature"]));
    let declared = &body(&upstream)["tools"][0]["functionDeclarations"][0];
    assert_eq!(declared["parameters"], json!({"type": "object", "properties": {"a": {"type": "string"}}}));
    let (upstream, _) = encode(&gemini, &request("other")).unwrap();
    assert!(upstream.dropped.is_empty());
    let effort = with(hi("local-7b"), &json!({"reasoning_effort": "low"}));
    assert_eq!(encode(&gemini, &effort).unwrap_err().param(), Some("reasoning_effort"));
}

#[test]
fn thoughts_and_public_urls_are_options() {
    let request = with(hi("gemini-3-pro"), &json!({"reasoning_effort": "high"}));
    let thinking =
        |gemini: &Gemini| body(&encode(gemini, &request).unwrap().0)["generationConfig"]["thinkingConfig"].clone();
    assert_eq!(thinking(&gemini()), json!({"thinkingLevel": "HIGH", "includeThoughts": true}));
    assert_eq!(thinking(&gemini().include_thoughts(false)), json!({"thinkingLevel": "HIGH"}));
    let image = json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}});
    let request = json!({"model": "gemini-3-pro", "messages": [{"role": "user", "content": [image]}]});
    let error = encode(&gemini(), &request).unwrap_err();
    assert_eq!(error.param(), Some("messages[0].content[0].image_url.url"));
    let (upstream, _) = encode(&gemini().public_urls(true), &request).unwrap();
    let expected = json!([{"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}}]);
    assert_eq!(body(&upstream)["contents"][0]["parts"], expected);
}

#[test]
fn it_can_be_shared() {
    fn assert<T: Clone + Send + Sync + 'static>() {}
    assert::<Gemini>();
}
