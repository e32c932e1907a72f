//! The gateway's edges, as a process over real sockets: timeouts, keep-alive, shedding, an end in order, a file that changes.
#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "these are tests")]

#[path = "support/process.rs"]
mod process;

use std::time::Duration;

use process::{Gateway, hello, over, refusal, send};
use tower_completions::mock::{Answer, Mock};

const STORY: &str = "Once upon a time there was a gateway";

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
        let more = format!("{timeouts}\n[keep_alive]\ninterval_ms = 50");
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
