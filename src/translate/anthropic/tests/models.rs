//! What is known of models, and what the host says.

use super::*;

#[test]
fn names_are_read_with_prefixes_and_suffixes() {
    for (id, like) in [
        ("anthropic/claude-sonnet-4.6", "claude-sonnet-4-6"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("claude-3-5-haiku@20241022", "claude-3-5-sonnet-20241022"),
        ("claude-3-7-sonnet-latest", "claude-sonnet-3-7"),
        ("claude-opus-5-20270101", "claude-opus-5-0"),
        ("Claude-Opus-6", "claude-opus-5-5"),
        ("claude-2.1", "claude-instant-1.2"),
        ("claude-next", "claude-sonnet-5-5"),
    ] {
        assert_eq!(Capabilities::of(id), Capabilities::of(like), "{id}");
    }
    for unknown in ["mock-anthropic-1", "deepseek-chat", "notclaude-4", "claudette"] {
        assert_eq!(Capabilities::of(unknown), Capabilities::unknown(), "{unknown}");
    }
}

#[test]
fn generations_differ() {
    let of = Capabilities::of;
    assert_eq!(of("claude-opus-4-20250514").sampling, Sampling::Full);
    assert_eq!(of("claude-opus-4-1").sampling, Sampling::One);
    assert_eq!(of("claude-opus-4-7").sampling, Sampling::Fixed);
    assert_eq!(of("claude-opus-4-5").thinking, Thinking::Budget);
    assert_eq!(of("claude-opus-4-6").thinking, Thinking::Adaptive);
    assert_eq!(of("claude-sonnet-5").thinking, Thinking::Adaptive);
    assert_eq!(of("claude-sonnet-5-5").thinking, Thinking::Always);
    assert_eq!(of("claude-haiku-5-5").thinking, Thinking::Adaptive);
    assert_eq!(of("claude-fable-5").thinking, Thinking::Always);
    assert!(of("claude-haiku-4-5").prefill && !of("claude-haiku-4-6").prefill);
    assert!(of("claude-haiku-5-5").forced_tools && !of("claude-mythos-5-1").forced_tools);
    assert_eq!(of("claude-opus-4-1").max_output, Some(32_000));
}

#[test]
fn the_host_knows_better() {
    let local = Capabilities::unknown().max_output(100).sampling(Sampling::Fixed);
    let anthropic = anthropic().model_capabilities("*", Capabilities::unknown()).model_capabilities("local-*", local);
    let anthropic = anthropic.default_max_tokens(500);
    let request = |model| json!({"model": model, "messages": [{"role": "user", "content": "hi"}], "temperature": 0.5});
    let (upstream, _) = encode(&anthropic, &request("local-7b")).unwrap();
    assert_eq!(body(&upstream)["max_tokens"], 100.0);
    assert!(upstream.dropped.iter().eq(["temperature"]));
    let (upstream, _) = encode(&anthropic, &request("other")).unwrap();
    assert_eq!(body(&upstream)["max_tokens"], 500.0);
}

#[test]
fn servers_that_imitate_get_no_system_turns() {
    let request = json!({"model": "claude-opus-4-8", "messages": [
        {"role": "user", "content": "hi"}, {"role": "system", "content": "s"}]});
    let turns = |base: &str| body(&encode(&Anthropic::new(base).unwrap(), &request).unwrap().0)["messages"].clone();
    assert_eq!(turns("https://api.anthropic.com").as_array().unwrap().len(), 2);
    assert_eq!(turns("https://api.deepseek.com/anthropic").as_array().unwrap().len(), 1);
}

#[test]
fn options_of_the_host() {
    let request = json!({"model": "claude-opus-4-8", "messages": [{"role": "user", "content": "hi"}],
        "response_format": {"type": "json_object"}});
    let error = encode(&anthropic().json_object(JsonObject::Refuse), &request).unwrap_err();
    assert_eq!(error.param(), Some("response_format.type"));
    let caching = anthropic().automatic_caching(true);
    assert_eq!(body(&encode(&caching, &request).unwrap().0)["cache_control"], json!({"type": "ephemeral"}));
    let explicit = with(request, &json!({"prompt_cache_options": {"mode": "explicit"}}));
    assert_eq!(body(&encode(&caching, &explicit).unwrap().0)["cache_control"], Value::Null);
}

#[test]
fn headers_hold_the_credentials_and_nothing_shows_them() {
    let request = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": true});
    let anthropic = Anthropic::new("http://h:1/a/").unwrap().bearer("planted").unwrap();
    let anthropic = anthropic.beta("a-1").unwrap().beta("b-2").unwrap();
    let (upstream, _) = encode(&anthropic, &request).unwrap();
    assert_eq!(upstream.uri, "http://h:1/a/v1/messages");
    assert_eq!(upstream.headers["authorization"], "Bearer planted");
    assert_eq!(upstream.headers["anthropic-beta"], "a-1,b-2");
    assert_eq!(upstream.headers["accept"], "text/event-stream");
    assert!(!upstream.headers.contains_key("x-api-key"));
    assert!(!format!("{anthropic:?} {upstream:?}").contains("planted"));
}

#[test]
fn settings_are_checked() {
    for base in ["", "api.anthropic.com", "https://u:p@h", "https://h?x", "https://h#x", "https://h/v1/"] {
        assert!(Anthropic::new(base).is_err(), "{base}");
    }
    assert!(anthropic().key("a\nb").is_err() && anthropic().beta("a\nb").is_err());
}

#[test]
fn it_can_be_shared() {
    fn assert<T: Clone + Send + Sync + 'static>() {}
    assert::<Anthropic>();
}
