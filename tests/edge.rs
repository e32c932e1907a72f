//! The gateway's edges, as a process over real sockets: timeouts, keep-alive, shedding, an end in order, a file that changes.
#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "these are tests")]

#[path = "support/process.rs"]
mod process;

use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use process::{Gateway, content, file, hello, over, read, refusal, send};
use serde_json::Value;
use tower::ServiceExt;
use tower_completions::client::Client;
use tower_completions::client::Incoming;
use tower_completions::mock::{Answer, Mock};

const STORY: &str = "Once upon a time there was a gateway";

/// A usage log of this process's own, which is not there yet, and the lines of the file that ask for it.
fn usage_log(name: &str) -> (PathBuf, String) {
    let path = file(name, "").with_extension("jsonl");
    let _ = fs::remove_file(&path);
    let lines = format!("[usage]\npath = {:?}\n", path.to_str().unwrap());
    (path, lines)
}

/// The status, the outcome and the error of each line of a usage log, in no order.
fn told(path: &Path) -> Vec<(u64, String, Option<String>)> {
    let lines = fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        (line["status"].as_u64().unwrap(), text("outcome").unwrap(), text("error_code"))
    };
    let mut told: Vec<_> = lines.lines().map(line).collect();
    told.sort();
    told
}

#[tokio::test]
async fn each_timeout_has_its_event_and_keep_alive_is_no_sign_of_the_providers_life() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let role = r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
    for (name, timeouts, answer) in [
        ("first-token", "first_token_ms = 400", Answer::sse(format!("{role}\n\n")).stall_after(role.len() + 2)),
        ("idle", "idle_ms = 400", Answer::text(STORY).stall_after(700)),
        ("total", "total_ms = 400", Answer::text(STORY.repeat(100)).delay_frames(Duration::from_millis(90))),
    ] {
        mock.answer(answer);
        let (log, usage) = usage_log(name);
        let more = format!("{timeouts}\n[keep_alive]\ninterval_ms = 50\n{usage}");
        let gateway = Gateway::configured(name, &over(&upstream.base_url(), &more));
        let answer = send(gateway.chat("sk-alice", &hello("small", true))).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["x-accel-buffering"]), (200, &"no".parse().unwrap()));
        let events: Vec<&str> = answer.body().trim_end().split("\n\n").collect();
        let (last, before) = events.split_last().unwrap();
        assert!(last.starts_with("data: {\"error\":") && last.contains("\"code\":\"timeout\""), "{name}: {answer:?}");
        assert!(before.contains(&": keep-alive") && !answer.body().contains("[DONE]"), "{name}: {answer:?}");
        assert!(
            before.iter().all(|event| event.starts_with("data: {") || *event == ": keep-alive"),
            "{name}: {answer:?}"
        );
        mock.wait_for_drop().await;
        gateway.signal("-TERM");
        assert!(gateway.ended().0.success());
        let reason = format!("{}_timeout", name.replace('-', "_"));
        assert_eq!(told(&log), [(200, "failed".to_owned(), Some(reason))]);
    }
}

#[tokio::test]
async fn before_the_first_byte_a_timeout_has_its_status() {
    let mock = Mock::openai();
    mock.always(Answer::echo().delay_head(Duration::MAX));
    let upstream = mock.listen().await.unwrap();
    for (name, timeouts) in [("first-byte", "first_byte_ms = 300"), ("total-head", "total_ms = 300")] {
        let gateway = Gateway::configured(name, &over(&upstream.base_url(), timeouts));
        for stream in [false, true] {
            let answer = send(gateway.chat("sk-alice", &hello("small", stream))).await;
            assert_eq!(refusal(&answer), (504, "timeout".into()), "{name}");
            mock.wait_for_drop().await;
        }
    }
}

/// A stream whose head is there.
async fn stream(gateway: &Gateway, key: &str) -> http::Response<Incoming> {
    stream_of(gateway, key, "small").await
}

async fn stream_of(gateway: &Gateway, key: &str, model: &str) -> http::Response<Incoming> {
    let response = Client::new().oneshot(gateway.chat(key, &hello(model, true))).await.unwrap();
    assert_eq!(response.status(), 200);
    response
}

/// A mock whose answers stall after their first event until they are let go.
fn stalled() -> Answer {
    Answer::text(STORY).stall_after(300)
}

#[tokio::test]
async fn what_is_too_much_is_shed_the_unimportant_first() {
    let mock = Mock::openai();
    mock.always(stalled());
    let upstream = mock.listen().await.unwrap();
    let keys = "priority = \"low\"\n[[keys]]\nid = \"bob\"\nsecret = \"sk-bob\"\n[[keys]]\nid = \"carol\"\nsecret = \"sk-carol\"\npriority = \"high\"\n";
    let source = format!("{}{keys}", over(&upstream.base_url(), "[shed]\nmax_in_flight = 4\nnormal_share = 0.75"));
    let gateway = Gateway::configured("shed", &source);
    let mut open = Vec::new();
    for (key, places) in [("sk-alice", 2), ("sk-bob", 1), ("sk-carol", 1)] {
        for _ in 0..places {
            open.push(stream(&gateway, key).await);
        }
        let refused = send(gateway.chat(key, &hello("small", false))).await;
        assert_eq!(refusal(&refused), (503, "server_is_overloaded".into()), "{key}");
        assert_eq!(refused.headers()["retry-after"], "1");
    }
    assert_eq!((mock.received(), send(gateway.get("/v1/models", "sk-alice")).await.status().as_u16()), (4, 200));
    // Who leaves makes room, also without having read to the end.
    open.clear();
    let begin = Instant::now();
    while send(gateway.chat("sk-nobody", &hello("small", false))).await.status() != 401 || mock.in_flight() > 0 {
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
    mock.always(Answer::echo());
    assert!(content(&send(gateway.chat("sk-alice", &hello("small", true))).await).ends_with("Good morning"));
}

#[tokio::test]
async fn told_to_stop_it_waits_so_long_and_then_says_so() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    for (name, drain, signals) in [("bound", 400, 1), ("hurry", 600_000, 2)] {
        mock.answer(stalled())
            .answer(Answer::text(STORY).delay_head(Duration::MAX))
            .answer(Answer::text("Good morning").delay_frames(Duration::from_millis(20)));
        let (log, usage) = usage_log(name);
        let more = format!("[shutdown]\ndrain_ms = {drain}\n{usage}");
        let gateway = Gateway::configured(name, &over(&upstream.base_url(), &more));
        let silent = stream(&gateway, "sk-alice").await;
        let headless = tokio::spawn(send(gateway.chat("sk-alice", &hello("small", false))));
        mock.wait_for_requests(mock.received() + 1).await;
        let ending = stream(&gateway, "sk-alice").await;
        let begin = Instant::now();
        gateway.signal("-TERM");
        assert_eq!(content(&read(ending).await), "Good morning", "what ends in time is whole");
        let late = Client::new().oneshot(gateway.chat("sk-alice", &hello("small", true))).await;
        assert!(late.is_err(), "nobody new is let in");
        for _ in 1..signals {
            gateway.signal("-TERM");
        }
        let silent = read(silent).await;
        let last = silent.body().trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.starts_with("data: {\"error\":") && last.contains("\"code\":\"server_shutdown\""), "{silent:?}");
        assert!(!silent.body().contains("[DONE]"));
        assert_eq!(refusal(&headless.await.unwrap()), (503, "server_shutdown".into()));
        let took = begin.elapsed();
        assert!(signals > 1 || took >= Duration::from_millis(drain), "{took:?}");
        assert!(gateway.ended().0.success());
        mock.wait_for_drop().await;
        mock.wait_for_drop().await;
        let shut = || Some("server_shutdown".to_owned());
        let (complete, failed) = ("complete".to_owned(), "failed".to_owned());
        assert_eq!(told(&log), [(200, complete, None), (200, failed.clone(), shut()), (503, failed, shut())]);
    }
}

/// Changes the file, tells the gateway, and returns the lines that it says to that.
fn reload(gateway: &mut Gateway, name: &str, source: &str, lines: usize) -> String {
    file(name, source);
    gateway.signal("-HUP");
    let mut said = String::new();
    for _ in 0..lines {
        gateway.stderr.read_line(&mut said).unwrap();
    }
    said
}

#[tokio::test]
async fn a_file_that_changes_is_read_again_without_dropping_a_stream() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let before = over(&upstream.base_url(), "[shed]\nmax_in_flight = 2") + "rpm = 3\nparallel = 2\n";
    let mut gateway = Gateway::configured("reload", &before);
    mock.answer(Answer::text(STORY).delay_frames(Duration::from_millis(300)));
    let open = stream(&gateway, "sk-alice").await;

    // Other keys, models, limits and a longer patience, and all of it at once.
    let after =
        before.replace("id = \"small\"", "id = \"tiny\"").replace("sk-alice", "sk-new").replace("rpm = 3", "rpm = 5")
            + "[[keys]]\nid = \"bob\"\nsecret = \"sk-bob\"\n";
    assert!(reload(&mut gateway, "reload", &after, 1).contains("read again"));
    assert_eq!(send(gateway.get("/v1/models", "sk-alice")).await.status(), 401);
    assert_eq!(send(gateway.chat("sk-new", &hello("small", false))).await.status(), 404);
    let answer = send(gateway.chat("sk-new", &hello("tiny", false))).await;
    assert!(content(&answer).ends_with("Good morning"), "{answer:?}");
    assert_eq!(answer.headers()["x-served-model"], "tiny");
    // Alice has two of five left, and one of two answers: what was counted before still counts.
    assert_eq!(answer.headers()["x-ratelimit-limit-requests"], "5");
    let left: u64 = answer.headers()["x-ratelimit-remaining-requests"].to_str().unwrap().parse().unwrap();
    assert!(left <= 3, "{left}");
    mock.answer(stalled());
    let second = stream_of(&gateway, "sk-bob", "tiny").await;
    assert_eq!(refusal(&send(gateway.chat("sk-bob", &hello("tiny", false))).await).0, 503, "both places are taken");
    drop(second);
    // What was in progress has kept what it was begun with.
    assert_eq!(content(&read(open).await), STORY);
    let connections = upstream.connections();
    assert!(content(&send(gateway.chat("sk-bob", &hello("tiny", true))).await).ends_with("Good morning"));
    assert_eq!(upstream.connections(), connections, "connections outlive it, too");
}

#[tokio::test]
async fn a_bad_file_is_refused_and_the_one_before_it_stays() {
    let upstream = Mock::openai().listen().await.unwrap();
    let good = over(&upstream.base_url(), "");
    let mut gateway = Gateway::configured("refuse", &good);
    let models = async |gateway: &Gateway| send(gateway.get("/v1/models", "sk-alice")).await.body().clone();
    let before = models(&gateway).await;
    let moved = good.replace("127.0.0.1:0", "127.0.0.1:1");
    let unknown = good.replace("[[models]]", "[[models]]\nsize = 1\n").replace("sk-alice", "sk-planted-2");
    let nobody = good.replace("provider = \"upstream\"", "provider = \"planted\"");
    for (source, said) in [
        (moved.as_str(), "refuse.toml:1: listen: cannot change while the gateway runs"),
        (unknown.as_str(), "models.size: unknown field"),
        (nobody.as_str(), "models.provider: there is no provider of this name"),
        ("listen = ", "refuse.toml:1: not TOML"),
    ] {
        let told = reload(&mut gateway, "refuse", source, 2);
        assert!(told.contains(said) && told.ends_with("gateway: nothing has changed\n"), "{told}");
        assert!(!told.contains("planted"), "{told}");
        assert_eq!(models(&gateway).await, before);
    }
    fs::remove_file(file("refuse", "")).unwrap();
    let told = {
        gateway.signal("-HUP");
        let mut said = String::new();
        gateway.stderr.read_line(&mut said).unwrap();
        gateway.stderr.read_line(&mut said).unwrap();
        said
    };
    assert!(told.contains("refuse.toml: cannot be read"), "{told}");
    let answer = send(gateway.chat("sk-alice", &hello("small", true))).await;
    assert!(content(&answer).ends_with("Good morning"), "{answer:?}");
    assert!(reload(&mut gateway, "refuse", &good, 1).contains("read again"));
    let usage: Value = serde_json::from_str(&models(&gateway).await).unwrap();
    assert_eq!(usage["data"][0]["id"], "small");
}

/// Requests without a pause, on connections that are kept, while the file is read again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fails_while_the_file_is_read_again() {
    let upstream = Mock::openai().listen().await.unwrap();
    let source = over(&upstream.base_url(), "");
    let mut gateway = Gateway::configured("busy", &source);
    let client = Client::new();
    let ask = {
        let request = gateway.chat("sk-alice", &hello("small", true));
        move || {
            let (client, request) = (client.clone(), request.clone());
            async move { content(&read(client.oneshot(request).await.unwrap()).await) }
        }
    };
    let asking = (0..4).map(|_| {
        let ask = ask.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                assert!(ask().await.ends_with("Good morning"));
            }
        })
    });
    let asking: Vec<_> = asking.collect();
    while !asking.iter().all(tokio::task::JoinHandle::is_finished) {
        let told = tokio::task::block_in_place(|| reload(&mut gateway, "busy", &source, 1));
        assert!(told.contains("read again"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for asked in asking {
        asked.await.unwrap();
    }
}
