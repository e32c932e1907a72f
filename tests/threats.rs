//! What strangers, callers and providers try, where no other suite has it already.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Answered, DONE, Gateway, STREAM, UPSTREAM_KEY, WHOLE, ask, models, post, read, says, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::{Layer, ServiceExt, service_fn};
use tower_completions::client::Client;
use tower_completions::mock::{Answer, Mock};
use tower_completions::translate::{Anthropic, Dialect};
use tower_completions::{ChatLayer, ChatRequest, Model, ModelRouter, TranslateLayer};

fn anthropic(base_url: &str) -> TranslateLayer<Anthropic> {
    TranslateLayer::new(Anthropic::new(base_url).unwrap().key(UPSTREAM_KEY).unwrap())
}

/// Sends bytes on a socket, and reads what comes until the other side closes, or falls silent.
async fn say(gateway: &Gateway, bytes: &str) -> String {
    let mut socket = TcpStream::connect(gateway.addr).await.unwrap();
    socket.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(std::time::Duration::from_millis(300), socket.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_provider_that_repeats_the_key_in_its_stream() {
    let (gpt, claude) = (Mock::openai(), Mock::anthropic());
    let leak = format!("no {UPSTREAM_KEY} here, \\u0073{}", &UPSTREAM_KEY[1..]);
    for kind in ["invalid_request_error", "authentication_error", "rate_limit_error", "server_error", "api_error"] {
        let error = format!(r#"{{"type":"{kind}","message":"{leak}","param":"{leak}","code":"{leak}"}}"#);
        for first in ["", &*says("Hi")] {
            gpt.answer(Answer::sse(format!("{first}data: {{\"error\":{error}}}\n\n{DONE}")));
            let stack = support::stack(&gpt);
            expect_no_key(&send(&stack, post(ask(STREAM))).await);
        }
        let start = "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"c\"}}\n\n";
        for first in ["", start] {
            claude.answer(Answer::sse(format!("{first}data: {{\"type\":\"error\",\"error\":{error}}}\n\n")));
            let stack = ChatLayer::new().layer(models(anthropic("http://upstream.test").layer(claude.clone())));
            expect_no_key(&send(&stack, post(ask(STREAM))).await);
        }
    }
}

#[track_caller]
fn expect_no_key(answer: &Answered) {
    assert!(answer.text().contains("\"error\"") && !answer.text().contains("[DONE]"), "{}", answer.text());
    assert!(!answer.text().contains(UPSTREAM_KEY) && !answer.text().contains(&UPSTREAM_KEY[1..]), "{}", answer.text());
    assert!(!format!("{:?}", answer.headers).contains(UPSTREAM_KEY));
}

#[tokio::test]
async fn no_header_of_the_client_reaches_anthropic() {
    let mock = Mock::anthropic();
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::serve(models(anthropic(&upstream.base_url()).layer(Client::new()))).await;
    for more in ["", STREAM] {
        let mut request = post(ask(more));
        *request.uri_mut() = format!("{}/v1/chat/completions", gateway.base_url).parse().unwrap();
        for name in ["authorization", "x-api-key", "anthropic-beta", "anthropic-version", "cookie", "x-target-host"] {
            request.headers_mut().insert(name, "planted".parse().unwrap());
        }
        assert_eq!(read(Client::new().oneshot(request).await.unwrap()).await.status, 200);
        let arrived = mock.requests().pop().unwrap();
        let mut names: Vec<&str> = arrived.headers.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        let expected = ["accept", "accept-encoding", "anthropic-version", "content-length", "content-type", "host"];
        assert_eq!(names, [&expected[..], &["x-api-key"]].concat());
        assert_eq!(arrived.header("x-api-key"), Some(UPSTREAM_KEY));
        assert_eq!(arrived.header("anthropic-version"), Some("2023-06-01"));
    }
}

#[tokio::test]
async fn no_url_in_a_message_is_fetched() {
    let (gpt, claude, other) = (Mock::openai(), Mock::anthropic(), Mock::openai());
    let elsewhere = other.listen().await.unwrap();
    let claude = anthropic("http://upstream.test").layer(claude);
    let stacks = [support::stack(&gpt), ChatLayer::new().layer(models(claude))];
    for url in [elsewhere.base_url(), elsewhere.base_url().replace("http:", "https:"), "file:///etc/passwd".into()] {
        for part in [
            json!({"type": "image_url", "image_url": {"url": url}}),
            json!({"type": "file", "file": {"file_data": url}}),
            json!({"type": "file", "file": {"file_id": url}}),
        ] {
            let body = json!({"model": "m", "messages": [{"role": "user", "content": [part]}]}).to_string();
            for stack in &stacks {
                let answer = send(stack, post(body.clone())).await;
                assert!([200, 400].contains(&answer.status.as_u16()), "{}", answer.text());
                assert!(!answer.text().contains("root:"), "{}", answer.text());
            }
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn no_header_is_for_another_origin() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::before(&upstream.base_url()).await;
    for line in ["OPTIONS /v1/chat/completions", "OPTIONS /v1/models", "GET /v1/models", "OPTIONS *"] {
        let head = format!(
            "{line} HTTP/1.1\r\nhost: x\r\norigin: http://evil.test\r\naccess-control-request-method: POST\r\n\
             access-control-request-headers: authorization\r\nconnection: close\r\n\r\n"
        );
        let answer = say(&gateway, &head).await.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 ") && !answer.contains("access-control"), "{answer}");
        assert_eq!(answer.starts_with("http/1.1 200"), line.starts_with("GET"), "{answer}");
    }
    assert_eq!(mock.received(), 0);
}

#[tokio::test]
async fn framing_that_means_two_things_reaches_nobody() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::before(&upstream.base_url()).await;
    let body = ask("");
    let length = body.len();
    let (chunk, hidden) = (format!("{length:x}\r\n{body}\r\n0\r\n\r\n"), length + 100);
    for (framing, body) in [
        (format!("content-length: {length}\r\ncontent-length: {hidden}"), &body),
        (format!("content-length: {length}, {hidden}"), &body),
        (format!("content-length: +{length}"), &body),
        (format!("content-length: -{length}"), &body),
        (format!("content-length: 0x{length:x}"), &body),
        (format!("content-length : {length}"), &body),
        ("content-length: 99999999999999999999999".to_owned(), &body),
        ("transfer-encoding: chunked, identity".to_owned(), &chunk),
        ("transfer-encoding: xchunked".to_owned(), &chunk),
        ("transfer-encoding : chunked".to_owned(), &chunk),
        ("transfer-encoding: chunked".to_owned(), &format!("-1\r\n{chunk}")),
        ("transfer-encoding: chunked".to_owned(), &format!("fffffffffffffffff\r\n{chunk}")),
        ("transfer-encoding: chunked".to_owned(), &chunk.replacen("\r\n", ";\n\r\n", 1)),
        ("transfer-encoding: chunked".to_owned(), &chunk.replace("}\r\n0", "}x\r\n0")),
    ] {
        let head =
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
        let answer = say(&gateway, &format!("{head}\r\n{framing}\r\n\r\n{body}")).await;
        assert!(!answer.contains(" 200 "), "{framing}: {answer}");
        assert_eq!(mock.received(), 0, "{framing}");
    }
    // Where both are there, the chunks are the body, and what goes on has a length of its own.
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4";
    let answer = say(&gateway, &format!("{head}\r\ntransfer-encoding: chunked\r\n\r\n{chunk}")).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{answer}");
    for request in mock.requests() {
        assert_eq!(request.body, body);
        assert_eq!(request.header("content-length"), Some(&*length.to_string()));
        assert_eq!(request.header("transfer-encoding"), None);
    }
    assert!(mock.received() <= 1 && answer.matches("HTTP/1.1 ").count() <= 1, "{answer}");
}

#[test]
fn every_threat_has_its_tests() {
    let table = std::fs::read_to_string("docs/threats.md").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rows: Vec<(usize, &str)> = rows.filter_map(|(at, row)| Some((at.parse().ok()?, row))).collect();
    assert!(rows.iter().map(|(at, _)| *at).eq(1..=28));
    for (at, row) in rows {
        let (_, tests) = row.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        let mut named = 0;
        for (file, test) in tests.split('`').filter_map(|name| name.split_once("::")) {
            let source = std::fs::read_to_string(file).unwrap_or_else(|_| panic!("{at}: there is no {file}"));
            let before = source.find(&format!("fn {test}(")).map(|found| &source[..found]);
            let before = before.unwrap_or_else(|| panic!("{at}: {file} has no test {test}"));
            let head = before.rsplit("\n\n").next().unwrap();
            let is_test = |line: &str| line.starts_with("#[") && (line.contains("test") || line.contains("benchmark"));
            assert!(head.lines().any(|line| is_test(line.trim())) || before.contains("proptest! {"), "{at}: {test}");
            named += 1;
        }
        assert!(named > 0, "{at} has no test");
    }
}

/// The names of an answer's headers that depend on nothing of the client's.
const HEADERS: [&str; 4] = ["content-type", "x-served-attempts", "x-served-model", "x-served-provider"];

fn check_headers(headers: &HeaderMap) -> Result<(), TestCaseError> {
    for (name, value) in headers {
        prop_assert!(HEADERS.contains(&name.as_str()), "{name}");
        prop_assert!(value.as_bytes().iter().all(|byte| !matches!(byte, b'\r' | b'\n' | 0)), "{value:?}");
    }
    prop_assert_eq!(headers.len(), headers.keys_len());
    Ok(())
}

fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z\r\n: \u{0}-\u{1f}\u{7f}é\u{2028}\u{fffd}🦀\"\\\\/#?%@.]{1,30}", ".{1,20}"]
}

/// A JSON Schema with references in circles, and whatever else.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"$ref": "#"})),
        Just(json!({"$ref": "#/$defs/a"})),
        Just(json!({"type": "object"})),
        Just(json!(true)),
        Just(json!(7)),
        Just(json!({"type": ["object", "null"], "additionalProperties": {"$ref": "#"}})),
    ];
    leaf.prop_recursive(8, 40, 4, |inner| {
        let names = prop_oneof![
            Just("properties"),
            Just("$defs"),
            Just("items"),
            Just("anyOf"),
            Just("oneOf"),
            Just("not"),
            Just("a"),
            Just("additionalProperties"),
            Just("$ref"),
            Just("type"),
            Just("format"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..4)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_model_name_makes_a_header(model in odd_text(), known in any::<bool>()) {
        let service = service_fn(async |_: Request<ChatRequest>| {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(WHOLE.as_bytes()))))
        });
        let id = if known { model.clone() } else { "m".to_owned() };
        let stack = ChatLayer::new().layer(ModelRouter::new([Model::new(id, service)]));
        let body = json!({"model": model, "messages": [{"role": "user", "content": "x"}]}).to_string();
        let answer = tokio_test::block_on(send(&stack, post(body)));
        prop_assert_eq!(answer.status.as_u16(), if known || model == "m" { 200 } else { 404 });
        check_headers(&answer.headers)?;
    }

    #[test]
    fn no_schema_is_followed_in_circles(schema in schema(), strict in any::<bool>(), model in 0..3_usize) {
        let model = ["claude-3-5-haiku-20241022", "claude-sonnet-4-5", "claude-opus-4-8"][model];
        let function = json!({"name": "f", "parameters": schema, "strict": strict});
        let tools = json!([{"type": "function", "function": function}]);
        let format = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": schema}});
        for (field, value) in [("tools", tools), ("response_format", format)] {
            let body = json!({"model": model, "messages": [{"role": "user", "content": "x"}], field: value}).to_string();
            let chat = ChatRequest::from_bytes(body).unwrap();
            match Anthropic::new("http://h").unwrap().encode(&chat) {
                Ok((upstream, _)) => prop_assert!(serde_json::from_slice::<Value>(&upstream.body).is_ok()),
                Err(error) => prop_assert_eq!(error.status().as_u16(), 400),
            }
        }
    }
}
