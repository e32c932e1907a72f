//! A loop of a plain SDK, which sends back nothing but role, content and tool calls, over a provider that signs its thinking.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use support::post;
use tower::{Layer, ServiceExt};
use tower_completions::auth::Auth;
use tower_completions::chat::Chat;
use tower_completions::clock::ManualClock;
use tower_completions::mock::{Answer, Chunking, Mock};
use tower_completions::replay::{MemorySignatures, SignatureLayer};
use tower_completions::translate::Anthropic;
use tower_completions::{AuthLayer, ChatLayer, Key, MemoryKeys, Model, ModelRouter, TranslateLayer};

/// As Anthropic writes it, with escapes that no other writer would choose.
const THINKING: &str =
    r#"{"type":"thinking","thinking":"Noon?\n\"\u00e9\" \/ \ud83d\ude00","signature":"EqQBCgIYAhIM+/=="}"#;
const REDACTED: &str = r#"{"type":"redacted_thinking","data":"EmwKAhgB+/=="}"#;

type App = Auth<Chat<ModelRouter>, MemoryKeys>;

fn app(mock: &Mock, signatures: Option<MemorySignatures>) -> App {
    const MODEL: &str = "claude-opus-4-6";
    let claude = Anthropic::new("http://upstream.test").unwrap().key("sk-ant").unwrap();
    let claude = TranslateLayer::new(claude).layer(mock.clone());
    let model = match signatures {
        Some(signatures) => Model::new(MODEL, SignatureLayer::new(signatures).layer(claude)),
        None => Model::new(MODEL, claude),
    };
    let keys = [Key::new("alice", "sk-alice").unwrap(), Key::new("bob", "sk-bob").unwrap()];
    AuthLayer::new(MemoryKeys::from_keys(keys).unwrap()).layer(ChatLayer::new().layer(ModelRouter::new([model])))
}

fn whole(content: &[&str]) -> Answer {
    let is_call = content.iter().any(|block| block.contains("tool_use"));
    let stop = if is_call { "tool_use" } else { "end_turn" };
    Answer::json(
        200,
        format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","stop_reason":"{stop}","content":[{}],"usage":{{"input_tokens":9,"output_tokens":9}}}}"#,
            content.join(",")
        ),
    )
}

/// The same as Anthropic streams it. Thinking comes in two pieces.
fn streamed(content: &[&str]) -> String {
    let mut events = vec![
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}"#.to_owned(),
    ];
    let mut stop = "end_turn";
    for (index, block) in content.iter().enumerate() {
        let delta = |delta: &str| format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#);
        let start =
            |block: &str| format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#);
        let (kind, text, tail) = match *block {
            THINKING => ("thinking", r#"Noon?\n\"\u00e9\" \/ \ud83d\ude00"#, Some("EqQBCgIYAhIM+/==")),
            REDACTED => {
                events.push(start(REDACTED));
                continue;
            }
            call if call.contains("tool_use") => {
                stop = "tool_use";
                events.push(start(call));
                continue;
            }
            _ => ("text", "It is noon.", None),
        };
        events.push(start(&format!(r#"{{"type":"{kind}","{kind}":""}}"#)));
        let (first, second) = text.split_at(5);
        for piece in [first, second] {
            events.push(delta(&format!(r#"{{"type":"{kind}_delta","{kind}":"{piece}"}}"#)));
        }
        events.extend(tail.map(|tail| delta(&format!(r#"{{"type":"signature_delta","signature":"{tail}"}}"#))));
        events.push(format!(r#"{{"type":"content_block_stop","index":{index}}}"#));
    }
    events.push(format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{stop}"}},"usage":{{"output_tokens":9}}}}"#
    ));
    events.push(r#"{"type":"message_stop"}"#.to_owned());
    let event = |data: &String| {
        let kind = serde_json::from_str::<Value>(data).unwrap()["type"].as_str().unwrap().to_owned();
        format!("event: {kind}\ndata: {data}\n\n")
    };
    events.iter().map(event).collect()
}

const CALL: &str = r#"{"type":"tool_use","id":"toolu_1","name":"clock","input":{}}"#;
const TEXT: &str = r#"{"type":"text","text":"It is noon."}"#;

/// What a plain loop keeps of an answer: role, content and calls.
fn remembered(answer: &Bytes, stream: bool) -> Value {
    if !stream {
        let answer: Value = serde_json::from_slice(answer).unwrap();
        let message = &answer["choices"][0]["message"];
        let mut kept = json!({"role": "assistant", "content": message["content"]});
        if !message["tool_calls"].is_null() {
            kept["tool_calls"] = message["tool_calls"].clone();
        }
        return kept;
    }
    let (mut content, mut calls) = (String::new(), Vec::<Value>::new());
    let text = std::str::from_utf8(answer).unwrap();
    for event in text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]") {
        let delta = &serde_json::from_str::<Value>(event).unwrap()["choices"][0]["delta"];
        content.push_str(delta["content"].as_str().unwrap_or_default());
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            match piece["id"].as_str() {
                Some(id) => calls.push(json!({"id": id, "type": "function", "function": piece["function"]})),
                None => {
                    let arguments = &mut calls.last_mut().unwrap()["function"]["arguments"];
                    *arguments = (arguments.as_str().unwrap().to_owned()
                        + piece["function"]["arguments"].as_str().unwrap())
                    .into();
                }
            }
        }
    }
    let mut kept = json!({"role": "assistant", "content": content});
    if !calls.is_empty() {
        kept["tool_calls"] = calls.into();
    }
    kept
}

async fn ask(app: &App, key: &str, messages: &[Value], stream: bool) -> Bytes {
    let request = json!({"model": "claude-opus-4-6", "reasoning_effort": "low", "stream": stream, "messages": messages,
        "tools": [{"type": "function", "function": {"name": "clock"}}]});
    let mut request = post(request.to_string());
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, 200, "{answer:?}");
    answer
}

/// Asks, is told to call a tool, answers, is told the time, and asks once more. The bodies of the three requests.
async fn run(app: &App, mock: &Mock, key: &str, stream: bool, chunking: Chunking) -> Vec<String> {
    let before = mock.received();
    let mut messages = vec![json!({"role": "user", "content": "What time is it?"})];
    let (call, text) = ([THINKING, REDACTED, CALL], [THINKING, TEXT]);
    for content in [&call[..], &text[..], &text[..]] {
        let answer = if stream { Answer::sse(streamed(content)) } else { whole(content) };
        mock.answer(answer.chunked(chunking.clone()));
        let answer = ask(app, key, &messages, stream).await;
        messages.push(remembered(&answer, stream));
        messages.push(match messages.last().unwrap()["tool_calls"][0]["id"].as_str() {
            Some(id) => json!({"role": "tool", "tool_call_id": id, "content": "12:00"}),
            None => json!({"role": "user", "content": "Sure?"}),
        });
    }
    let requests = mock.requests();
    let kept = requests.len() - (mock.received() - before);
    requests[kept..].iter().map(|request| String::from_utf8(request.body.to_vec()).unwrap()).collect()
}

/// The part of a body that a prompt cache sees.
fn conversation(body: &str) -> &str {
    let start = body.find(r#""messages":["#).unwrap();
    let end = body[start..].find(r#""tool_choice""#).or(body[start..].find(r#","thinking""#)).unwrap();
    &body[start..start + end]
}

#[tokio::test]
async fn a_plain_loop_sends_the_signed_blocks_back_byte_for_byte() {
    let cuts = [Chunking::Whole, Chunking::Events, Chunking::Bytes(1), Chunking::Bytes(7), Chunking::Bytes(64)];
    let mut seen = Vec::new();
    for (stream, chunking) in [false, true].into_iter().flat_map(|stream| cuts.clone().map(|cut| (stream, cut))) {
        let mock = Mock::anthropic();
        let bodies = run(&app(&mock, Some(MemorySignatures::new())), &mock, "sk-alice", stream, chunking).await;
        assert!(!bodies[0].contains("signature"));
        assert!(bodies[1].contains(&format!(r#"{{"role":"assistant","content":[{THINKING},{REDACTED},{CALL}]}}"#)));
        assert!(bodies[2].contains(&format!(r#"{{"role":"assistant","content":[{THINKING},{REDACTED},{CALL}]}}"#)));
        assert!(
            bodies[2].contains(&format!(r#"{{"role":"assistant","content":[{THINKING},{TEXT}]}}"#)),
            "{}",
            bodies[2]
        );
        let turns: Vec<String> = bodies.iter().map(|body| conversation(body).to_owned()).collect();
        for (turn, next) in turns.iter().zip(&turns[1..]) {
            let turn = turn.trim_end_matches([']', ',', '}']);
            assert!(next.starts_with(turn), "{next} does not begin with {turn}");
        }
        seen.push(turns);
    }
    assert!(seen.iter().all(|turns| *turns == seen[0]), "streamed and whole, cut anywhere, it is the same");
}

#[tokio::test]
async fn a_second_tenant_gets_nothing_of_it() {
    let mock = Mock::anthropic();
    let app = app(&mock, Some(MemorySignatures::new()));
    run(&app, &mock, "sk-alice", false, Chunking::Whole).await;
    let stolen = [
        json!({"role": "user", "content": "What time is it?"}),
        json!({"role": "assistant", "content": null,
            "tool_calls": [{"id": "toolu_1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}]}),
        json!({"role": "tool", "tool_call_id": "toolu_1", "content": "12:00"}),
        json!({"role": "assistant", "content": "It is noon."}),
        json!({"role": "user", "content": "Sure?"}),
    ];
    for (key, sees) in [("sk-bob", false), ("sk-alice", true)] {
        ask(&app, key, &stolen, false).await;
        let body = mock.requests().last().unwrap().json();
        assert_eq!(body.to_string().matches("EqQBCgIYAhIM").count(), if sees { 2 } else { 0 }, "{key}");
    }
}

#[tokio::test]
async fn what_is_too_old_is_gone() {
    let mock = Mock::anthropic();
    let clock = ManualClock::new(Duration::from_secs(1_700_000_000));
    let store = MemorySignatures::new().ttl(Duration::from_secs(60)).clock(clock.clone());
    let app = app(&mock, Some(store.clone()));
    run(&app, &mock, "sk-alice", true, Chunking::Events).await;
    assert_eq!(store.len(), 3);
    clock.advance(Duration::from_secs(60));
    let said = [
        json!({"role": "user", "content": "What time is it?"}),
        json!({"role": "assistant", "content": "It is noon."}),
        json!({"role": "user", "content": "Sure?"}),
    ];
    ask(&app, "sk-alice", &said, false).await;
    assert!(!mock.requests().last().unwrap().json().to_string().contains("signature"));
}

#[tokio::test]
async fn without_the_layer_nothing_is_kept() {
    let mock = Mock::anthropic();
    let bodies = run(&app(&mock, None), &mock, "sk-alice", true, Chunking::Events).await;
    assert!(bodies.iter().all(|body| !body.contains("signature")));
}
