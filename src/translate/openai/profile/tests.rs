//! What single fields become, by server.

use serde_json::{Value, json};

use super::{Profile, Rule, presets};
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::translate::{Dialect, OpenAi, Upstream};

fn encode(profile: Profile, more: &Value) -> Result<Upstream, ApiError> {
    let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    let openai = OpenAi::new("http://h/v1").unwrap().profile(profile);
    openai.encode(&ChatRequest::from_bytes(request.to_string()).unwrap()).map(|(upstream, _)| upstream)
}

fn named(name: &str) -> Profile {
    Profile::named(name).unwrap()
}

fn sent(profile: &str, more: Value) -> Value {
    let mut body: Value = serde_json::from_slice(&encode(named(profile), &more).unwrap().body).unwrap();
    body.as_object_mut().unwrap().retain(|name, _| name != "model" && name != "messages");
    body
}

fn refused(profile: &str, more: Value) -> String {
    encode(named(profile), &more).unwrap_err().param().unwrap().to_owned()
}

fn reported(profile: Profile, more: Value) -> Vec<String> {
    encode(profile, &more).unwrap().dropped.iter().map(str::to_owned).collect()
}

#[test]
fn a_profile_is_found_by_name_and_by_host() {
    for preset in &presets::ALL {
        assert!(Profile::named(preset.name).is_some());
        for host in preset.hosts {
            let found = format!("{:?}", Profile::at(&format!("https://{}/v1", host.to_uppercase())));
            assert_eq!(found, format!("{:?}", Some(named(preset.name))), "{host}");
        }
    }
    assert!(Profile::named("openai").is_none() && Profile::at("http://localhost:11434/v1").is_none());
    assert!(Profile::at("nonsense url").is_none() && Profile::at("/path").is_none());
}

#[test]
fn names_stand_in_order_and_once() {
    let names: Vec<&str> = presets::ALL.iter().map(|preset| preset.name).collect();
    assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
    for preset in &presets::ALL {
        let mut fields: Vec<&str> =
            preset.leaves_out.iter().chain(preset.refuses).chain(preset.keeps).copied().collect();
        fields.sort_unstable();
        assert!(fields.is_sorted_by(|one, other| one < other), "{}: {fields:?}", preset.name);
    }
}

#[test]
fn the_default_profile_changes_nothing() {
    let body = r#"{ "model":"m", "extra_body":{}, "user":null,"messages":[{"role":"developer","content":null}] }"#;
    let openai = OpenAi::new("https://api.deepseek.com/v1").unwrap().profile(Profile::default());
    let (upstream, _) = openai.encode(&ChatRequest::from_bytes(body).unwrap()).unwrap();
    assert_eq!(upstream.body, body);
}

#[test]
fn limits_have_one_name() {
    for more in [json!({"max_completion_tokens": 5}), json!({"max_completion_tokens": 5, "max_tokens": 6})] {
        assert_eq!(sent("ollama", more.clone()), json!({"max_tokens": 5}));
        assert_eq!(sent("deepseek", more), json!({"max_tokens": 5}));
    }
    assert_eq!(sent("ollama", json!({"max_tokens": 6})), json!({"max_tokens": 6}));
    assert_eq!(sent("groq", json!({"max_completion_tokens": 5})), json!({"max_completion_tokens": 5}));
}

#[test]
fn efforts_are_said_in_the_servers_words() {
    let effort = |word: &str| json!({"reasoning_effort": word});
    assert_eq!(sent("deepseek", effort("none")), json!({"thinking": {"type": "disabled"}}));
    let high = json!({"thinking": {"type": "enabled"}, "reasoning_effort": "high"});
    assert_eq!(sent("deepseek", effort("high")), high);
    assert_eq!(sent("vllm", effort("none")), json!({"chat_template_kwargs": {"enable_thinking": false}}));
    assert_eq!(sent("xai", effort("low")), effort("low"));
    assert_eq!(refused("xai", effort("medium")), "reasoning_effort");
    assert_eq!(sent("openrouter", effort("max")), effort("max"));
    let own = json!({"reasoning_effort": "low", "thinking": {"type": "disabled"}});
    assert_eq!(sent("moonshot", own.clone()), json!({"thinking": {"type": "disabled"}}));
    assert_eq!(reported(named("moonshot"), own), ["reasoning_effort"]);
}

#[test]
fn what_a_server_would_ignore_or_misread_is_refused() {
    let tool = |kind: &str| json!([{"type": kind, kind: {"name": "f"}}]);
    assert_eq!(refused("vllm", json!({"tools": tool("custom")})), "tools[0].type");
    assert_eq!(refused("ollama", json!({"tools": tool("function"), "tool_choice": "none"})), "tool_choice");
    assert_eq!(refused("moonshot", json!({"tools": tool("function"), "tool_choice": "required"})), "tool_choice");
    assert_eq!(refused("perplexity", json!({"tools": tool("function")})), "tools");
    assert_eq!(refused("ollama", json!({"n": 2})), "n");
    assert_eq!(sent("ollama", json!({"n": 1, "tool_choice": "auto"})), json!({"tool_choice": "auto"}));
}

#[test]
fn hints_are_left_out_and_what_counts_is_reported() {
    let more = json!({"store": false, "metadata": {}, "verbosity": "low", "service_tier": "auto"});
    assert_eq!(sent("deepseek", more.clone()), json!({}));
    assert_eq!(reported(named("deepseek"), more), ["verbosity"]);
    let steering = json!({"models": ["x"], "provider": {"order": ["a"]}, "extra_headers": {}});
    assert_eq!(sent("openrouter", steering.clone()), json!({"provider": {"order": ["a"]}}));
    assert_eq!(reported(named("openrouter"), steering), ["extra_headers", "models"]);
}

#[test]
fn the_host_knows_better() {
    let ours = named("deepseek").rule("store", Rule::Keep).rule("seed", Rule::Rename("random_seed".into()));
    let ours = ours.rule("top_p", Rule::LeaveOut).developer_role(true).send_nulls(false).include_usage(false);
    let more = json!({"store": true, "seed": 3, "top_p": 0.5, "user": null, "stream": true,
        "messages": [{"role": "developer", "content": "x", "name": null}]});
    let upstream = encode(ours, &more).unwrap();
    let body: Value = serde_json::from_slice(&upstream.body).unwrap();
    let messages = json!([{"role": "developer", "content": "x"}]);
    assert_eq!(body, json!({"model": "m", "messages": messages, "store": true, "random_seed": 3, "stream": true}));
    assert!(upstream.dropped.iter().eq(["top_p"]));
}

#[test]
fn the_host_says_what_is_sent_of_fields_that_the_client_does_not_say() {
    let ours = Profile::default().default_value("temperature", "0.60").unwrap();
    let ours = ours.default_value("chat_template_kwargs", r#"{"enable_thinking":false}"#).unwrap();
    let sent = |more: Value| serde_json::from_slice::<Value>(&encode(ours.clone(), &more).unwrap().body).unwrap();
    let silent = sent(json!({"temperature": null}));
    assert_eq!(silent["temperature"], json!(0.6));
    assert_eq!(silent["chat_template_kwargs"], json!({"enable_thinking": false}));
    assert_eq!(sent(json!({"temperature": 1}))["temperature"], json!(1));
    assert!(Profile::default().default_value("temperature", "hot").is_err());
}

#[test]
fn openai_itself_gets_ids_that_it_takes() {
    let long = "x".repeat(41);
    let request = json!({"model": "m", "messages": [{"role": "tool", "tool_call_id": long, "content": "x"}]});
    let chat = ChatRequest::from_bytes(request.to_string()).unwrap();
    let sent = |base_url: &str| {
        let body: Value =
            serde_json::from_slice(&OpenAi::new(base_url).unwrap().encode(&chat).unwrap().0.body).unwrap();
        body["messages"][0]["tool_call_id"].as_str().unwrap().len()
    };
    assert_eq!((sent("https://API.openai.com/v1"), sent("https://other.example/v1")), (40, 41));
}
