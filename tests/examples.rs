//! The examples do what they say.
#![allow(clippy::unwrap_used)]

use std::env;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_completions::chat::{AnswerHead, MessageWriter};
use tower_completions::client::Client;
use tower_completions::translate::{Decode, Dialect};
use tower_completions::{BoxError, ChatRequest, UsageCell};

#[path = "../examples/axum.rs"]
#[allow(dead_code)]
mod axum_example;
#[path = "../examples/custom_dialect.rs"]
#[allow(dead_code)]
mod custom_dialect;
#[path = "../examples/host_auth.rs"]
#[allow(dead_code)]
mod host_auth;
#[path = "../examples/hyper.rs"]
#[allow(dead_code)]
mod hyper_example;
#[path = "../examples/in_process.rs"]
#[allow(dead_code)]
mod in_process;

/// The text of a streamed answer, put together again.
fn streamed(answer: &str) -> String {
    let events =
        answer.strip_suffix("data: [DONE]\n\n").unwrap().lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = events.map(|event| serde_json::from_str::<Value>(event).unwrap());
    chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

fn whole(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap();
    answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let body = response.into_body().collect().await.map_err(Into::into).unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn in_process() {
    for prompt in ["Polly wants a cracker", ""] {
        let answer = in_process::ask(prompt, false).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json");
        let answer: Value = serde_json::from_str(&text(answer).await).unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"].as_str().unwrap_or_default(), prompt);
        assert_eq!(answer["usage"]["completion_tokens"], prompt.split_whitespace().count());

        let answer = in_process::ask(prompt, true).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(streamed(&text(answer).await), prompt);
    }
}

#[tokio::test]
async fn custom_dialect() {
    let answer = custom_dialect::ask(json!({"temperature": 0.5, "seed": null})).await.unwrap();
    assert_eq!(answer.headers()["x-dropped-params"], "temperature");
    assert_eq!(whole(answer.body()), "To be, or not to be.");

    let answer = custom_dialect::ask(json!({"stream": true})).await.unwrap();
    assert!(!answer.headers().contains_key("x-dropped-params"));
    assert_eq!(streamed(answer.body()), "To be, or not to be.");

    let answer = custom_dialect::ask(json!({"logit_bias": {}})).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.body().contains(r#""param":"logit_bias""#), "{}", answer.body());
}

/// What a whole answer says, as a client gets it.
fn read(tell: impl FnOnce(&mut custom_dialect::Reader, &mut MessageWriter)) -> Bytes {
    let mut writer = MessageWriter::new(AnswerHead::new(0, || "id".to_owned()), UsageCell::new());
    tell(&mut custom_dialect::Reader::default(), &mut writer);
    writer.take().unwrap()
}

#[test]
fn custom_dialect_reads_the_same_from_a_stream_at_any_cut() {
    let whole = read(|reader, sink| reader.whole(custom_dialect::WHOLE.into(), sink).unwrap());
    let live = custom_dialect::LIVE;
    for cut in 0..=live.len() {
        let (first, second) = live.split_at(cut);
        let streamed = read(|reader, sink| {
            reader.stream(first.into(), sink).unwrap();
            reader.stream(second.into(), sink).unwrap();
        });
        assert_eq!(streamed, whole, "cut at {cut}");
    }
}

#[test]
fn custom_dialect_breaks_off_aloud() {
    let live = custom_dialect::LIVE;
    let mut writer = MessageWriter::new(AnswerHead::now(), UsageCell::new());
    let mut reader = custom_dialect::Reader::default();
    reader.stream(live[..live.len() - 2].into(), &mut writer).unwrap();
    assert_eq!(reader.end(&mut writer).unwrap_err().status(), 502);
}

#[test]
fn custom_dialect_says_the_same_request_in_the_same_bytes() {
    let dialect = custom_dialect::Playwright { uri: "http://theatre.example/perform".parse().unwrap() };
    let chat =
        ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user","content":"Who's there?"}]}"#).unwrap();
    let said = || dialect.encode(&chat).unwrap().0.body;
    assert_eq!(said(), r#"{"lines":[{"says":"Who's there?","who":"caller"}],"live":false,"model":"m"}"#);
    assert_eq!(said(), said());
}

/// What the page on dialects quotes stands in these files, word for word.
#[test]
fn the_page_on_dialects_quotes_what_is_there() {
    let sources = [
        include_str!("../examples/custom_dialect.rs"),
        include_str!("examples.rs"),
        include_str!("../src/translate/anthropic/request/encode.rs"),
        include_str!("../src/translate/anthropic/tests/table.rs"),
        include_str!("../src/translate/docs/mod.rs"),
    ];
    let page = include_str!("../docs/add-a-provider.md");
    let quotes: Vec<&str> = page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(quotes.len() > 8);
    for quote in quotes {
        assert!(sources.iter().any(|source| source.contains(quote)), "nowhere:\n{quote}");
    }
}

#[tokio::test]
async fn host_auth() {
    let ask = async |session: &str, path: &str, body: &'static str| {
        let request = Request::builder().uri(path).header("cookie", format!("session={session}"));
        let request = if body.is_empty() { request.method("GET") } else { request.method("POST") };
        host_auth::app().unwrap().oneshot(request.body(axum::body::Body::from(body)).unwrap()).await.unwrap()
    };
    let models = async |session| {
        let list: Value = serde_json::from_str(&text(ask(session, "/v1/models", "").await).await).unwrap();
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(models("s-alice").await, ["large", "small"]);
    assert_eq!(models("s-bob").await, ["small"]);
    assert_eq!(ask("s-eve", "/v1/models", "").await.status(), 401);

    let large = r#"{"model":"large","messages":[{"role":"user","content":"Hi"}]}"#;
    assert_eq!(ask("s-alice", "/v1/chat/completions", large).await.status(), 200);
    let hidden = ask("s-bob", "/v1/chat/completions", large).await;
    assert_eq!(hidden.status(), 404);
    assert!(text(hidden).await.contains("model_not_found"));
}

/// What both servers have to do, over a real socket.
async fn check_server(url: &str) {
    let ask = async |method: &str, path: &str, key: &str, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(format!("{url}{path}"));
        let request =
            request.header("authorization", format!("Bearer {key}")).header("content-type", "application/json");
        let response = Client::new().oneshot(request.body(Full::from(body)).unwrap()).await.unwrap();
        (response.status(), text(response).await)
    };
    let (status, list) = ask("GET", "/v1/models", "sk-test-alice", Value::Null).await;
    assert!(status == 200 && list.contains("gpt-4o-mini") && list.contains("claude-sonnet-4-20250514"), "{list}");
    assert_eq!(ask("GET", "/v1/models/gpt-4o-mini", "sk-test-alice", Value::Null).await.0, 200);

    for (method, key, body, status, code) in [
        ("GET", "sk-test-alice", Value::Null, 405, "method_not_supported"),
        ("POST", "sk-other", Value::Null, 401, "invalid_api_key"),
        ("POST", "sk-test-alice", json!({"model": "gpt-4o-mini"}), 400, "missing_required_parameter"),
    ] {
        let (found, answer) = ask(method, "/v1/chat/completions", key, body).await;
        assert!(found == status && answer.contains(code), "{found} {answer}");
    }

    for (model, key) in [("gpt-4o-mini", "OPENAI_API_KEY"), ("claude-sonnet-4-20250514", "ANTHROPIC_API_KEY")] {
        // With a key the example would ask the real provider.
        if env::var_os(key).is_none() {
            let body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": true});
            let (status, answer) = ask("POST", "/v1/chat/completions", "sk-test-alice", body).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            assert!(streamed(&answer).ends_with("Hello"), "{answer}");
        }
    }
}

#[tokio::test]
async fn axum_serves() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum_example::serve(listener).await.unwrap() });
    check_server(&url).await;
}

#[tokio::test]
async fn hyper_serves() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { hyper_example::serve(listener).await.unwrap() });
    check_server(&url).await;
}
