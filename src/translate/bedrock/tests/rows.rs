//! What single fields and messages become.

use super::*;

const NOVA: &str = "amazon.nova-2-lite-v1:0";

fn upstream(model: &str, more: &Value) -> Result<Upstream, ApiError> {
    let hi = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    encode(&bedrock(), &with(hi, more)).map(|(upstream, _)| upstream)
}

fn sent(model: &str, more: &Value) -> Value {
    body(&upstream(model, more).unwrap())
}

fn refused(model: &str, more: &Value) -> String {
    let error = upstream(model, more).unwrap_err();
    assert_eq!(error.status(), 400);
    error.param().unwrap().to_owned()
}

fn reported(model: &str, more: &Value) -> Vec<String> {
    upstream(model, more).unwrap().dropped.iter().map(str::to_owned).collect()
}

fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

fn history(after: &[Value]) -> Value {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let mut messages = vec![
        json!({"role": "user", "content": "?"}),
        json!({"role": "assistant", "tool_calls": [call]}),
        json!({"role": "tool", "tool_call_id": "c", "content": ""}),
    ];
    messages.extend(after.iter().cloned());
    json!(messages)
}

#[test]
fn efforts_are_said_in_the_way_of_each_family() {
    let extra = |model, more: Value| sent(model, &more)["additionalModelRequestFields"].clone();
    let low = || json!({"reasoning_effort": "low"});
    assert_eq!(extra(CLAUDE, low()), json!({"thinking": {"type": "enabled", "budget_tokens": 1024.0}}));
    let adaptive = extra("anthropic.claude-opus-4-8", low());
    assert_eq!(adaptive["output_config"], json!({"effort": "low"}));
    assert_eq!(adaptive["thinking"]["type"], "adaptive");
    assert_eq!(extra(NOVA, low()), json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}));
    assert_eq!(extra("openai.gpt-oss-20b-1:0", low()), low());
    assert_eq!(extra("openai.gpt-5", low()), json!({"reasoning": {"effort": "low"}}));
    assert_eq!(refused("meta.llama3-1-8b", &low()), "reasoning_effort");
    assert_eq!(reported(NOVA, &json!({"reasoning_effort": "max"})), ["reasoning_effort"]);
    // A budget must be smaller than the limit, which Converse's own default may not be.
    assert_eq!(sent(CLAUDE, &low())["inferenceConfig"]["maxTokens"], 64_000.0);
}

#[test]
fn the_clients_own_words_reach_the_model() {
    let more =
        json!({"thinking": {"type": "disabled"}, "top_k": 5, "anthropic_beta": ["x"], "reasoning_effort": "low"});
    let extra = sent(CLAUDE, &more)["additionalModelRequestFields"].clone();
    assert_eq!(extra, json!({"thinking": {"type": "disabled"}, "top_k": 5.0, "anthropic_beta": ["x"]}));
    assert_eq!(reported(CLAUDE, &more), ["reasoning_effort"]);
    let config = json!({"reasoning_effort": "low", "output_config": {"x": 1}});
    let extra = sent("anthropic.claude-opus-4-8", &config)["additionalModelRequestFields"].clone();
    assert_eq!(extra["output_config"], json!({"x": 1.0, "effort": "low"}));
}

#[test]
fn choices_among_tools() {
    let config = |model, more: Value| sent(model, &with(json!({"tools": [function("f")]}), &more));
    let choice = |choice: Value| config(NOVA, json!({"tool_choice": choice}))["toolConfig"]["toolChoice"].clone();
    assert_eq!(choice(json!("auto")), json!({"auto": {}}));
    assert_eq!(choice(json!("required")), json!({"any": {}}));
    assert_eq!(choice(function("f")), json!({"tool": {"name": "f"}}));
    let parallel = json!({"parallel_tool_calls": false});
    let claude = config(CLAUDE, parallel.clone());
    let expected = json!({"type": "auto", "disable_parallel_tool_use": true});
    assert_eq!(claude["additionalModelRequestFields"]["tool_choice"], expected);
    assert_eq!(claude["toolConfig"]["toolChoice"], Value::Null);
    assert_eq!(reported(NOVA, &with(json!({"tools": [function("f")]}), &parallel)), ["parallel_tool_calls"]);
    assert_eq!(
        refused("meta.llama3-1-8b", &json!({"tools": [function("f")], "tool_choice": "required"})),
        "tool_choice"
    );
}

#[test]
fn no_tools_may_be_called() {
    let none = json!({"tools": [function("f")], "tool_choice": "none"});
    assert_eq!(sent(NOVA, &none)["toolConfig"], Value::Null);
    let called = with(none, &json!({"messages": history(&[])}));
    assert_eq!(sent(CLAUDE, &called)["additionalModelRequestFields"]["tool_choice"], json!({"type": "none"}));
    assert_eq!(refused(NOVA, &called), "tool_choice");
}

#[test]
fn tools_that_were_called_are_declared() {
    let sent = sent(NOVA, &json!({"messages": history(&[])}));
    let schema = json!({"json": {"type": "object", "properties": {}}});
    assert_eq!(sent["toolConfig"], json!({"tools": [{"toolSpec": {"name": "f", "inputSchema": schema}}]}));
    assert_eq!(sent["messages"][2]["content"], json!([{"toolResult": {"toolUseId": "c", "content": []}}]));
}

#[test]
fn text_beside_results_is_for_models_that_take_it() {
    let more = json!({"messages": history(&[json!({"role": "user", "content": "and?"})])});
    assert_eq!(sent(NOVA, &more)["messages"][2]["content"][1], json!({"text": "and?"}));
    assert_eq!(refused("meta.llama3-1-8b", &more), "messages[3].role");
}

#[test]
fn marks_are_blocks_of_their_own() {
    let marked = |ttl: &str| json!([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": ttl}}]);
    let content = |model, ttl| {
        sent(model, &json!({"messages": [{"role": "user", "content": marked(ttl)}]}))["messages"][0]["content"].clone()
    };
    let five = json!([{"text": "a"}, {"cachePoint": {"type": "default"}}]);
    assert_eq!(content(CLAUDE, "1h"), five);
    assert_eq!(content(NOVA, "5m"), five);
    let hour = json!([{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]);
    assert_eq!(content("anthropic.claude-sonnet-4-5", "1h"), hour);
    assert_eq!(content("meta.llama3-1-8b", "5m"), json!([{"text": "a"}]));
}

#[test]
fn signed_reasoning_goes_back_to_claude_alone() {
    let details = json!([{"type": "reasoning.text", "text": "hm", "signature": "S", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "D", "format": "anthropic-claude-v1"},
        {"type": "reasoning.text", "text": "unsigned", "format": "anthropic-claude-v1"}]);
    let messages = json!({"messages": [{"role": "user", "content": "?"},
        {"role": "assistant", "content": "a", "reasoning_details": details}, {"role": "user", "content": "!"}]});
    let claude = json!([
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "S"}}},
        {"reasoningContent": {"redactedContent": "D"}},
        {"text": "a"},
    ]);
    assert_eq!(sent(CLAUDE, &messages)["messages"][1]["content"], claude);
    assert_eq!(sent(NOVA, &messages)["messages"][1]["content"], json!([{"text": "a"}]));
}

#[test]
fn documents_need_a_text_beside_them() {
    let file =
        json!({"type": "file", "file": {"filename": "a b.pdf", "file_data": "data:application/pdf;base64,AAAA"}});
    let text = json!({"type": "text", "text": "read"});
    let content = |parts: Value| json!({"messages": [{"role": "user", "content": parts}]});
    let sent = sent(NOVA, &content(json!([file, file, text])))["messages"][0]["content"].clone();
    assert_eq!(sent[0]["document"], json!({"format": "pdf", "name": "a b", "source": {"bytes": "AAAA"}}));
    assert_eq!(sent[1]["document"]["name"], "a b (2)");
    assert_eq!(refused(NOVA, &content(json!([file]))), "messages[0].content");
}

#[test]
fn media() {
    let refused = |part: Value| refused(NOVA, &json!({"messages": [{"role": "user", "content": [part]}]}));
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    for url in ["https://example.com/a.png", "s3://bucket/a.png", "data:image/bmp;base64,AAAA"] {
        assert_eq!(refused(image(url)), "messages[0].content[0].image_url.url");
    }
    let stored = json!({"model": NOVA, "messages": [{"role": "user", "content": [image("s3://bucket/a.png")]}]});
    let (upstream, _) = encode(&bedrock().s3_locations(true), &stored).unwrap();
    let location = json!({"format": "png", "source": {"s3Location": {"uri": "s3://bucket/a.png"}}});
    assert_eq!(body(&upstream)["messages"][0]["content"][0]["image"], location);
}

#[test]
fn numbers_and_words() {
    let config = |model, more: Value| sent(model, &more)["inferenceConfig"].clone();
    assert_eq!(config(NOVA, json!({"temperature": 1.5, "top_p": 0.5})), json!({"temperature": 1.0, "topP": 0.5}));
    assert_eq!(reported(NOVA, &json!({"temperature": 1.5})), ["temperature"]);
    assert_eq!(config(NOVA, json!({"stop": "\n"})), json!({"stopSequences": ["\n"]}));
    assert_eq!(sent(NOVA, &json!({"service_tier": "auto"}))["serviceTier"], Value::Null);
    let json = sent(NOVA, &json!({"response_format": {"type": "json_object"}}));
    assert_eq!(json["system"][0]["text"], "Answer with a single JSON object and nothing else.");
    for (name, value) in [
        ("n", json!(2)),
        ("logprobs", json!(true)),
        ("logit_bias", json!({"1": 1})),
        ("service_tier", json!("scale")),
        ("temperature", json!(3)),
    ] {
        assert_eq!(refused(NOVA, &json!({name: value})), name);
    }
    assert_eq!(refused("openai.gpt-oss-20b-1:0", &json!({"stop": "x"})), "stop");
    assert_eq!(reported(NOVA, &json!({"seed": 1, "presence_penalty": 1})), ["presence_penalty", "seed"]);
}
