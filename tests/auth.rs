//! Keys end to end: who gets in, which models they see, and that nobody else learns anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use http::Request;
use serde_json::Value;
use support::{Answered, Gateway, SOON, ask, openai, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::Layer;
use tower_completions::auth::Auth;
use tower_completions::chat::Chat;
use tower_completions::mock::Mock;
use tower_completions::{AuthLayer, ChatLayer, Endpoint, Key, MemoryKeys, Model, ModelFilter, ModelRouter, Principal};

type Door = Auth<Endpoint<Chat<ModelRouter>>, MemoryKeys>;

const IDS: [&str; 4] = ["m", "org/llama:8b", "org/secret:70b", "weird %2F?#ü"];

/// The whole endpoint with three keys: alice may use everything, bob what is his, eve nothing.
fn door(mock: &Mock) -> Door {
    let service = openai("http://upstream.test/v1", mock.clone());
    let created = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let model = |id: &str| Model::new(id, service.clone()).owned_by("openai").created(created);
    let router = ModelRouter::new(IDS.map(model));
    let models = router.models();
    let bob = Principal::new("bob").models(ModelFilter::new(["m", "org/llama*"]));
    let keys = MemoryKeys::from_keys([
        Key::new("alice", "sk-alice").unwrap(),
        Key::new(bob, "sk-bob").unwrap(),
        Key::new(Principal::new("eve").models(ModelFilter::none()), "sk-eve").unwrap(),
        Key::new("old", "sk-expired").unwrap().expires(created),
        Key::new("off", "sk-disabled").unwrap().disabled(true),
    ]);
    AuthLayer::new(keys.unwrap()).layer(Endpoint::new(ChatLayer::new().layer(router), models))
}

fn request(key: &str, method: &str, target: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(target).header("content-type", "application/json");
    request.header("authorization", format!("Bearer {key}")).body(body.into()).unwrap()
}

async fn get(door: &Door, key: &str, target: &str) -> Answered {
    send(door, request(key, "GET", target, "")).await
}

#[tokio::test]
async fn whoever_is_not_let_in_gets_the_same_bytes() {
    let mock = Mock::openai();
    let gateway = Gateway::of(door(&mock)).await;
    let valid = "authorization: Bearer sk-alice\r\n";
    let heads = [
        String::new(),
        "authorization: Bearer sk-unknown\r\n".into(),
        "authorization: Bearer sk-expired\r\n".into(),
        "authorization: Bearer sk-disabled\r\n".into(),
        "authorization: Bearer sk-alic\r\n".into(),
        "authorization: Bearer sk-alice2\r\n".into(),
        "authorization: Bearer SK-ALICE\r\n".into(),
        "authorization: Bearer sk-alice sk-alice\r\n".into(),
        "authorization: Bearer sk-alice,sk-alice\r\n".into(),
        "authorization: Bearer\r\n".into(),
        "authorization: sk-alice\r\n".into(),
        "authorization: Basic c2stYWxpY2U6\r\n".into(),
        "authorization: Bearer\tsk-alice\r\n".into(),
        "authorization: Bearer \u{ff53}\u{ff4b}-alice\r\n".into(),
        "authorization: Bearer sk-\u{200b}alice\r\n".into(),
        "x-api-key: sk-alice\r\n".into(),
        "api-key: sk-alice\r\n".into(),
        "cookie: authorization=Bearer sk-alice\r\n".into(),
        valid.repeat(2),
        format!("{valid}authorization: Bearer sk-unknown\r\n"),
    ];
    let mut first = None;
    for head in heads {
        for line in [
            "POST /v1/chat/completions",
            "GET /v1/models",
            "OPTIONS /v1/chat/completions",
            "GET /nowhere",
            "DELETE http://h/v1/models/m",
        ] {
            let mut socket = TcpStream::connect(gateway.addr).await.unwrap();
            let head = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n");
            socket.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            timeout(SOON, socket.read_to_string(&mut answer)).await.unwrap().unwrap();
            // The time of day is the server's.
            let answer: Vec<&str> = answer.lines().filter(|line| !line.starts_with("date:")).collect();
            let answer = answer.join("\n");
            assert!(
                answer.starts_with("HTTP/1.1 401") && answer.contains("\"code\":\"invalid_api_key\""),
                "{head}{answer}"
            );
            assert!(!answer.contains("sk-") && answer.contains("www-authenticate: Bearer"), "{answer}");
            assert_eq!(*first.get_or_insert(answer.clone()), answer, "{head}");
        }
    }
    assert_eq!(mock.received(), 0);
}

#[tokio::test]
async fn a_stranger_is_refused_before_a_byte_of_the_body() {
    let mock = Mock::openai();
    let gateway = Gateway::of(door(&mock)).await;
    for framing in
        ["content-length: 4294967296", "transfer-encoding: chunked", "content-length: 10\r\nexpect: 100-continue"]
    {
        let mut socket = TcpStream::connect(gateway.addr).await.unwrap();
        let head =
            format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer no\r\n{framing}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        timeout(SOON, socket.read_exact(&mut answer)).await.expect("at once").unwrap();
        assert_eq!(&answer, b"HTTP/1.1 401", "{framing}");
    }
    // Whoever is let in hears "continue", and that an announced giant is not wanted.
    for (framing, expected) in
        [("content-length: 10\r\nexpect: 100-continue", "HTTP/1.1 100"), ("content-length: 4294967296", "HTTP/1.1 413")]
    {
        let mut socket = TcpStream::connect(gateway.addr).await.unwrap();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: bearer sk-alice\r\n{framing}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        timeout(SOON, socket.read_exact(&mut answer)).await.expect("at once").unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), expected);
    }
    assert_eq!(mock.received(), 0);
}

#[tokio::test]
async fn what_a_key_may_not_use_looks_like_what_is_not_there() {
    let mock = Mock::openai();
    let door = door(&mock);
    let chat = |key: &'static str, model: &str| {
        let body = ask("").replace("\"m\"", &Value::from(model).to_string());
        send(&door, request(key, "POST", "/v1/chat/completions", body))
    };
    let sees = |key: &str, id: &str| match key {
        "sk-alice" => true,
        "sk-bob" => id == "m" || id == "org/llama:8b",
        _ => false,
    };
    for key in ["sk-alice", "sk-bob", "sk-eve"] {
        for id in IDS {
            let before = mock.received();
            let answer = chat(key, id).await;
            assert_eq!(mock.received() - before, usize::from(sees(key, id)));
            if sees(key, id) {
                assert_eq!((answer.status.as_u16(), answer.header("x-served-provider")), (200, Some("openai")));
                continue;
            }
            answer.expect_error(404, "invalid_request_error", Some("model_not_found"), Some("model"));
            let unknown = chat(key, "unknown").await;
            assert_eq!(answer.headers, unknown.headers);
            assert_eq!(answer.text(), unknown.text().replace("unknown", id));
        }
        for pattern in ["*", "org/*", "", "M", "m ", "org/llama"].into_iter().filter(|model| !model.is_empty()) {
            assert_eq!(chat(key, pattern).await.status, 404, "{pattern}");
        }
    }
}

#[tokio::test]
async fn the_models_are_listed_by_key() {
    let mock = Mock::openai();
    let door = door(&mock);
    for (key, ids) in [("sk-alice", &IDS[..]), ("sk-bob", &IDS[..2]), ("sk-eve", &[])] {
        let answer = get(&door, key, "/v1/models").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")));
        let list = answer.json();
        let listed: Vec<&str> =
            list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
        assert_eq!((&list["object"], listed), (&"list".into(), ids.to_vec()));
        let golden: Value =
            serde_json::from_str(&std::fs::read_to_string("tests/golden/openai/models.response.openai.json").unwrap())
                .unwrap();
        for model in list["data"].as_array().unwrap() {
            let mut expected = golden["data"][0].clone();
            expected["id"] = model["id"].clone();
            assert_eq!(*model, expected);
        }
    }
    let found = [
        ("m", "m"),
        ("%6d", "m"),
        ("m?x=y", "m"),
        ("org/llama:8b", "org/llama:8b"),
        ("org%2Fllama%3A8b", "org/llama:8b"),
        ("org%2fllama%3a8b", "org/llama:8b"),
        ("weird%20%252F%3F%23%C3%BC", "weird %2F?#ü"),
    ];
    for (path, id) in found {
        let answer = get(&door, "sk-alice", &format!("/v1/models/{path}")).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["id"]), (200, &id.into()), "{path}");
    }
    for path in [
        "unknown",
        "org",
        "org/llama",
        "org/llama:8b/",
        "m/",
        "/m",
        "",
        "%",
        "%6",
        "%zz",
        "%+6",
        "%ff",
        "M",
        "org%252Fllama%3A8b",
        "../models",
        "m%00",
    ] {
        let answer = get(&door, "sk-alice", &format!("/v1/models/{path}")).await;
        answer.expect_error(404, "invalid_request_error", Some("model_not_found"), Some("model"));
    }
    let hidden = get(&door, "sk-bob", "/v1/models/org%2Fsecret%3A70b").await;
    let unknown = get(&door, "sk-bob", "/v1/models/unknown").await;
    assert_eq!((hidden.status, &hidden.headers), (unknown.status, &unknown.headers));
    assert_eq!(hidden.text(), unknown.text().replace("unknown", "org/secret:70b"));
}

#[tokio::test]
async fn paths_and_methods_have_no_other_spelling() {
    let mock = Mock::openai();
    let door = door(&mock);
    let completions = |target: &str| send(&door, request("sk-alice", "POST", target, ask("")));
    for target in ["/v1/chat/completions", "/v1/chat/completions?x=y", "http://elsewhere:1/v1/chat/completions"] {
        assert_eq!(completions(target).await.status, 200, "{target}");
    }
    let received = mock.received();
    for target in [
        "/",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/chat/completions/",
        "/v1/chat/completions/x",
        "/V1/chat/completions",
        "/v1/chat/Completions",
        "/v1/chat/completion%73",
        "/v1/chat%2Fcompletions",
        "/v1/./chat/completions",
        "/x/../v1/chat/completions",
        "/v1/chat/completions;x",
        "/v1/chat/completions%00",
        "/v1/chat/completions%20",
        "/chat/completions",
        "/v1",
        "/v1/modelsx",
        "/v1/embeddings",
    ] {
        completions(target).await.expect_error(404, "invalid_request_error", Some("unknown_url"), None);
    }
    for target in ["//v1/models", "/v1//models", "/V1/models", "/v1/model", "/v1/model%73"] {
        get(&door, "sk-alice", target).await.expect_error(404, "invalid_request_error", Some("unknown_url"), None);
    }
    for (target, allowed) in
        [("/v1/chat/completions", "POST"), ("/v1/models", "GET, HEAD"), ("/v1/models/m", "GET, HEAD")]
    {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "post", "PoST"] {
            let asked = Request::builder().method(method).uri(target).header("authorization", "Bearer sk-alice");
            let asked = asked.header("x-http-method-override", "POST").body(Body::from(ask(""))).unwrap();
            let answer = send(&door, asked).await;
            if allowed.split(", ").any(|allowed| allowed == method) {
                assert_eq!(answer.status, 200);
                continue;
            }
            answer.expect_error(405, "invalid_request_error", Some("method_not_supported"), None);
            assert_eq!(answer.header("allow"), Some(allowed));
        }
    }
    assert_eq!(mock.received(), received + 1, "one POST was a good one");
}

#[tokio::test]
async fn a_head_request_has_no_body_on_the_wire() {
    let gateway = Gateway::of(door(&Mock::openai())).await;
    let head = |line: &str| {
        format!("{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-alice\r\nconnection: close\r\n\r\n")
    };
    for (line, status) in [
        ("HEAD /v1/models", "200"),
        ("HEAD /v1/models/m", "200"),
        ("HEAD /v1/models/x", "404"),
        ("HEAD /v1/chat/completions", "405"),
    ] {
        let mut socket = TcpStream::connect(gateway.addr).await.unwrap();
        socket.write_all(head(line).as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(SOON, socket.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.ends_with("\r\n\r\n"), "{answer}");
    }
}
