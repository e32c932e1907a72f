//! The example gateway as its users meet it: a process with arguments, a file, two streams and signals.
//!
//! It is built here if it has to be: `cargo test --test gateway` alone would not, and a stale one would be a lie.
#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "these are tests")]

/// The gateway's own unit tests. An example with `test = true` would not be built as a program any more.
#[path = "../examples/gateway/main.rs"]
#[allow(dead_code, reason = "here it is only tested")]
mod example;

#[path = "support/process.rs"]
mod process;

use std::fs;
use std::io::BufRead;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_completions::client::Client;
use tower_completions::mock::{Answer, Mock};

use process::{Gateway, command, content, file, hello, over, parsed, read, refusal, run, send};

/// What a shell would make of `curl URL -H 'NAME: VALUE' … -d 'BODY'`.
fn pasted(line: &str) -> Request<Full<Bytes>> {
    let pieces: Vec<&str> = line.split('\'').collect();
    let url = line.split(' ').find(|word| word.starts_with("http://")).unwrap();
    let (mut request, mut body) = (Request::get(url), Full::default());
    for pair in pieces.chunks_exact(2) {
        let (before, quoted) = (pair[0].trim_end(), pair[1]);
        match (before.rsplit(' ').next(), quoted.split_once(": ")) {
            (Some("-H"), Some((name, value))) => request = request.header(name, value),
            (Some("-d"), _) => (request, body) = (request.method("POST"), quoted.to_owned().into()),
            _ => panic!("{line}"),
        }
    }
    request.body(body).unwrap()
}

#[tokio::test]
async fn without_arguments_the_printed_lines_are_answered() {
    let mut gateway = Gateway::start(&["--listen", "127.0.0.1:0"]);
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains("/v1/models")) {
        let mut line = String::new();
        assert!(gateway.stderr.read_line(&mut line).unwrap() > 0, "{lines:?}");
        lines.push(line);
    }
    lines.retain(|line| line.starts_with("curl "));
    for line in &lines {
        let answer = send(pasted(line)).await;
        assert_eq!(answer.status(), 200, "{line}");
        assert!(answer.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
        if line.contains("chat/completions") {
            assert!(content(&answer).ends_with("Good morning"), "{line}");
            let is_stream = answer.headers()["content-type"] == "text/event-stream";
            assert_eq!(is_stream, line.contains(r#""stream":true"#), "{line}");
        }
    }

    let models = parsed(&send(gateway.get("/v1/models", "sk-demo")).await);
    let models: Vec<&str> =
        models["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    assert_eq!(models, ["gpt-mock", "claude-mock", "gemini-mock", "nova-mock", "azure-mock"]);
    assert_eq!(lines.len(), 2 * models.len() + 1);

    gateway.signal("-TERM");
    let (status, out, err) = gateway.ended();
    assert!(status.success() && out.is_empty() && err.is_empty(), "{status} {out} {err}");
}

#[tokio::test]
async fn requests_are_refused_as_openai_does() {
    let gateway = Gateway::start(&["--listen", "127.0.0.1:0"]);
    for (request, status, code) in [
        (gateway.chat("sk-wrong", &hello("gpt-mock", false)), 401, "invalid_api_key"),
        (gateway.get("/v1/models", "sk-wrong"), 401, "invalid_api_key"),
        (gateway.chat("sk-demo", &hello("gpt-5", true)), 404, "model_not_found"),
        (gateway.get("/v1/models/gpt-5", "sk-demo"), 404, "model_not_found"),
        (gateway.get("/v2", "sk-demo"), 404, "unknown_url"),
        (gateway.chat("sk-demo", &json!({"model": "gpt-mock"})), 400, "missing_required_parameter"),
    ] {
        let what = format!("{request:?}");
        assert_eq!(refusal(&send(request).await), (status, code.into()), "{what}");
    }
    assert_eq!(send(gateway.get("/v1/chat/completions", "sk-demo")).await.status(), 405);
}

#[tokio::test]
async fn a_configured_provider_is_asked_with_its_own_key() {
    let mock = Mock::openai().require_key("sk-planted");
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::configured("provider", &over(&upstream.base_url(), ""));
    for stream in [false, true] {
        let answer = send(gateway.chat("sk-alice", &hello("small", stream))).await;
        assert!(content(&answer).ends_with("Good morning"), "{answer:?}");
        assert_eq!(
            (&answer.headers()["x-served-model"], &answer.headers()["x-served-provider"]),
            (&"small".parse().unwrap(), &"upstream".parse().unwrap())
        );
    }
    for request in mock.requests() {
        assert_eq!(request.json()["model"], "gpt-4o-mini");
        assert_eq!(request.header("x-request-id"), None);
    }

    let http2 =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).http2_only(true).build_http();
    let answer = read(http2.request(gateway.chat("sk-alice", &hello("small", true))).await.unwrap()).await;
    assert_eq!(answer.version(), Version::HTTP_2);
    assert!(content(&answer).ends_with("Good morning"));
}

#[tokio::test]
async fn the_first_byte_has_a_time_limit() {
    let mock = Mock::openai();
    mock.answer(Answer::echo().delay_head(Duration::MAX)).answer(Answer::sse(": wait\n\n").stall_after(8));
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::configured("first-byte", &over(&upstream.base_url(), "first_byte_ms = 300"));
    for stream in [false, true] {
        assert_eq!(refusal(&send(gateway.chat("sk-alice", &hello("small", stream))).await), (504, "timeout".into()));
        mock.wait_for_drop().await;
    }
}

#[tokio::test]
async fn a_stream_in_progress_is_brought_to_its_end() {
    let mock = Mock::openai();
    mock.always(Answer::echo().delay_frames(Duration::from_millis(50)));
    let upstream = mock.listen().await.unwrap();
    for signal in ["-TERM", "-INT"] {
        let gateway = Gateway::configured("drain", &over(&upstream.base_url(), ""));
        let client = Client::new();
        let response = client.clone().oneshot(gateway.chat("sk-alice", &hello("small", true))).await.unwrap();
        gateway.signal(signal);
        assert!(content(&read(response).await).ends_with("Good morning"));
        let (status, ..) = gateway.ended();
        assert!(status.success(), "{status}");
    }
}

/// The same configuration, with limits for the only key.
fn limited(base_url: &str, head: &str, limits: &str) -> String {
    let price = "[[models]]\nprice = { input = 1.0, output = 2.0 }\n";
    format!("{}{limits}\n", over(base_url, "")).replace("[[models]]\n", price).replacen(
        "[timeouts]",
        &format!("{head}[timeouts]"),
        1,
    )
}

#[tokio::test]
async fn a_key_is_kept_to_its_limits_and_told_of_them() {
    let upstream = Mock::openai().listen().await.unwrap();
    let limits = "rpm = 2\ntpm = 100000\nparallel = 5\nbudget_usd = 1.5\nbudget_window = \"month\"";
    let gateway = Gateway::configured("limits", &limited(&upstream.base_url(), "", limits));
    let first = send(gateway.chat("sk-alice", &hello("small", true))).await;
    assert_eq!(
        (first.status(), &first.headers()["x-ratelimit-remaining-requests"]),
        (200.try_into().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(send(gateway.chat("sk-alice", &hello("nobody", false))).await.status(), 404, "which costs nothing");
    assert_eq!(send(gateway.chat("sk-alice", &hello("small", false))).await.status(), 200);
    let refused = send(gateway.chat("sk-alice", &hello("small", false))).await;
    assert_eq!(refusal(&refused), (429, "rate_limit_exceeded".into()));
    let wait: u64 = refused.headers()["retry-after-ms"].to_str().unwrap().parse().unwrap();
    assert!((20_000..=30_000).contains(&wait), "{wait}");

    let usage = parsed(&send(gateway.get("/v1/usage", "sk-alice")).await);
    assert_eq!((&usage["id"], &usage["requests"]["limit"]), (&"alice".into(), &2.into()));
    assert_eq!((&usage["budget"]["limit_usd"], &usage["budget"]["window"]), (&"1.5".into(), &"month".into()));
    assert_ne!(usage["budget"]["spent_usd"], "0");
    assert_eq!(refusal(&send(gateway.get("/v1/usage", "sk-nobody")).await).0, 401);
}

/// Keys that nobody has cost no memory: authentication comes before anything is counted.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn strangers_leave_memory_flat() {
    let upstream = Mock::openai().listen().await.unwrap();
    let gateway = Gateway::configured("strangers", &limited(&upstream.base_url(), "", "rpm = 2"));
    let resident = || {
        let status = fs::read_to_string(format!("/proc/{}/status", gateway.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let client = Client::new();
    let mut after_some = 0;
    for at in 0..100_000 {
        let answer = client.clone().oneshot(gateway.chat(&format!("sk-{at}"), &Value::Null)).await.unwrap();
        assert_eq!(answer.status(), 401);
        answer.into_body().collect().await.unwrap();
        if at == 2_000 {
            after_some = resident();
        }
    }
    let grown = resident().saturating_sub(after_some);
    assert!(grown < 2_000, "{grown} kB for 98,000 keys");
}

/// Three gateways before one Redis are one limit.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn three_processes_share_a_limit() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""];
    let mut redis = Command::new("redis-server").args(arguments).stdout(Stdio::null()).spawn().unwrap();
    sleep(Duration::from_millis(500));
    let upstream = Mock::openai().listen().await.unwrap();
    let head = format!("[limits]\nredis = \"redis://127.0.0.1:{port}/0\"\non_store_error = \"closed\"\n");
    let source = limited(&upstream.base_url(), &head, "rpm = 50\nbudget_usd = 1");
    let gateways: Vec<Gateway> = (0..3).map(|at| Gateway::configured(&format!("redis-{at}"), &source)).collect();
    sleep(Duration::from_millis(500));

    // Each gateway is asked until it has said forty times yes or no. On a machine that is busy with other things Redis may
    // be late: then the answer is 503, and what was reserved for it comes back.
    let begin = Instant::now();
    let mut racing = tokio::task::JoinSet::new();
    for gateway in &gateways {
        let url = gateway.chat("sk-alice", &hello("small", false));
        racing.spawn(async move {
            let (client, mut answers) = (Client::new(), Vec::new());
            while answers.iter().filter(|status| **status != 503).count() < 40 {
                assert!(begin.elapsed() < Duration::from_secs(30), "{answers:?}");
                answers.push(read(client.clone().oneshot(url.clone()).await.unwrap()).await.status().as_u16());
            }
            answers
        });
    }
    let answers = racing.join_all().await.concat();
    let count = |wanted| answers.iter().filter(|status| **status == wanted).count() as u64;
    let refilled = begin.elapsed().as_secs() * 50 / 60 + 1;
    assert!(count(200) <= 50 + refilled && count(200) + count(503) >= 50, "{answers:?}");
    assert!(answers.iter().all(|status| matches!(status, 200 | 429 | 503)), "{answers:?}");
    redis.kill().unwrap();
    redis.wait().unwrap();
    let closed = send(gateways[0].chat("sk-alice", &hello("small", false))).await;
    assert_eq!(closed.status(), 503, "{closed:?}");
}

#[test]
fn bad_files_and_arguments_end_it_at_once() {
    let unset = over("https://h", "").replace("GATEWAY_TEST_KEY", "GATEWAY_TEST_NO_KEY");
    let leaky = "[[keys]]\nid = \"a\"\nsecret = \"sk-planted\"\nrate = 1\n";
    for (name, source, said) in [
        (
            "unset",
            unset.as_str(),
            "unset.toml:8: providers.api_key_env: the environment variable GATEWAY_TEST_NO_KEY is not set",
        ),
        ("unknown", leaky, "unknown.toml:4: keys.rate: unknown field"),
        ("syntax", "listen = ", "syntax.toml:1: not TOML"),
    ] {
        let path = file(name, source);
        for option in ["--config", "--check"] {
            let (code, out, err) = run(&[option, path.to_str().unwrap()]);
            assert!(
                code == Some(2) && out.is_empty() && err.contains(said) && !err.contains("planted"),
                "{code:?} {err}"
            );
        }
    }
    let (code, _, err) = run(&["--config", "/there/is/no/such.toml"]);
    assert!(code == Some(2) && err.contains("/there/is/no/such.toml: cannot be read"), "{err}");
    let (code, _, err) = run(&["--prot", "1"]);
    assert!(code == Some(2) && err.contains("unknown argument \"--prot\""), "{err}");
}

#[test]
fn good_files_are_checked_without_serving() {
    let path = file("good", &over("https://h", ""));
    assert_eq!(run(&["--check", path.to_str().unwrap()]), (Some(0), String::new(), String::new()));
    let (code, out, _) = run(&["--help"]);
    assert!(code == Some(0) && out.contains("--config FILE"), "{out}");
}

#[test]
fn the_file_in_the_docs_is_in_order() {
    let page = include_str!("../docs/gateway.md");
    let source = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let path = file("docs", source);
    let mut check = command(&["--check", path.to_str().unwrap()]);
    for variable in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY"] {
        check.env(variable, "sk-planted");
    }
    let output = check.current_dir(path.parent().unwrap()).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}

#[test]
fn a_port_that_is_taken_is_told_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, out, err) = run(&["--listen", &taken.local_addr().unwrap().to_string()]);
    assert!(code == Some(1) && out.is_empty() && err.contains("--listen HOST:PORT chooses another"), "{err}");
}
