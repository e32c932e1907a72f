//! The fault table, over real sockets, row by row and for every protocol: what the client gets, what was tried, what a limit
//! counts, and what the ledger says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "support/spoken.rs"]
mod spoken;
mod support;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use spoken::{ALL, Bench, LONG, MAX_ANSWER, SHORT, Spoken, cost};
use support::{Answered, SOON, STREAM, UPSTREAM_KEY, ask, assert_error, events, read};
use tokio::time::timeout;
use tower::ServiceExt;
use tower_completions::ChatRequest;
use tower_completions::client::Client;
use tower_completions::meter::Outcome;
use tower_completions::mock::{Answer, Chunking, Mock};

/// What a limit counts of a row, beside the request itself.
#[derive(Clone, Copy, Debug)]
enum Used {
    Nothing,
    Prompt,
}

struct Row {
    name: &'static str,
    answer: Answer,
    status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    /// The word for the ledger; `None` where it is the code.
    reason: Option<&'static str>,
    /// The provider's status.
    upstream: Option<u16>,
    used: Used,
}

fn row(name: &'static str, answer: Answer, upstream: Option<u16>, status: u16, code: &'static str) -> Row {
    Row { name, answer, status, kind: "server_error", code: Some(code), reason: None, upstream, used: Used::Nothing }
}

impl Row {
    /// The reason in the ledger.
    fn word(&self) -> &'static str {
        match (self.code, self.status) {
            (Some("upstream_auth_error"), _) => "upstream_auth",
            (Some("timeout"), _) => "upstream_timeout",
            (Some("rate_limit_exceeded"), _) => "upstream_rate_limited",
            (_, 400 | 413) => "client_error",
            _ => "upstream_error",
        }
    }
}

/// The one receipt of an answer that failed. It charges what the limit does.
#[track_caller]
fn assert_receipt(name: &str, bench: &Bench, answer: &Answered, (word, code): (&str, &str), tokens: u64) {
    let receipt = bench.receipt();
    assert_eq!((receipt.outcome, receipt.status), (Outcome::Failed, answer.status), "{name}");
    assert_eq!((receipt.reason.as_deref(), receipt.error_code.as_deref()), (Some(word), Some(code)), "{name}");
    assert_eq!((receipt.usage.total_tokens(), receipt.tries.len()), (tokens, 1), "{name}");
}

/// The rows that are errors before the first byte, whether a stream was asked for or not.
fn before_the_first_byte(spoken: Spoken) -> Vec<Row> {
    let own = |name, status, told: u16, code| Row {
        kind: "invalid_request_error",
        ..row(name, Answer::error(status), Some(status), told, code)
    };
    let garbage = |name, answer| row(name, answer, Some(200), 502, "upstream_error");
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let whole = Answer::text("a story of several words");
    let auth = |name, status| row(name, Answer::error(status), Some(status), 502, "upstream_auth_error");
    let mut rows = vec![
        Row { upstream: None, ..row("closes without a byte", Answer::refuse(), None, 502, "upstream_error") },
        garbage("an error in a 200", Answer::json(200, spoken.failure())),
        garbage("HTML", Answer::raw(200, "text/html", "<html>planted</html>")),
        garbage("HTML that claims to be JSON", Answer::json(200, "<html>planted</html>")),
        garbage("empty", Answer::status(200)),
        garbage("empty JSON", Answer::json(200, "")),
        garbage("no object", Answer::json(200, "[7]")),
        garbage("bad UTF-8", Answer::raw(200, "application/json", Bytes::from_static(b"{\"id\":\"\xff\"}"))),
        garbage("too deep", Answer::json(200, deep.chars().take(MAX_ANSWER - 1).collect::<String>())),
        garbage("gzip unasked", whole.clone().header("content-encoding", "gzip")),
        garbage("cut in the first event", whole.clone().cut_after(10)),
        garbage("ended in the first event", whole.clone().end_after(10)),
        row(
            "larger than its cap",
            Answer::json(200, format!("{{{}}}", " ".repeat(MAX_ANSWER))),
            Some(200),
            502,
            "upstream_response_too_large",
        ),
        auth("401", 401),
        auth("403", 403),
        Row { used: Used::Prompt, ..row("408", Answer::error(408), Some(408), 504, "timeout") },
        Row { used: Used::Prompt, ..row("504", Answer::status(504), Some(504), 504, "timeout") },
        row("500", Answer::error(500), Some(500), 502, "upstream_error"),
        row("502 of HTML", Answer::raw(502, "text/html", "<html>planted 10.0.0.1"), Some(502), 502, "upstream_error"),
        row("503", Answer::error(503), Some(503), 503, "server_is_overloaded"),
        row("529", Answer::status(529), Some(529), 503, "server_is_overloaded"),
        Row { kind: "rate_limit_error", ..row("429", Answer::error(429), Some(429), 429, "rate_limit_exceeded") },
        own("404", 404, 404, "model_not_found"),
        Row { answer: Answer::status(413), ..own("413", 413, 413, "request_too_large") },
        Row {
            code: None,
            reason: Some("invalid_request_error"),
            answer: Answer::status(400),
            ..own("400", 400, 400, "")
        },
        Row {
            code: None,
            reason: Some("invalid_request_error"),
            answer: Answer::status(422),
            ..own("422", 422, 400, "")
        },
        Row {
            upstream: None,
            reason: Some("first_byte_timeout"),
            used: Used::Prompt,
            ..row("silent before the head", whole.clone().delay_head(Duration::MAX), None, 504, "timeout")
        },
        Row {
            reason: Some("first_byte_timeout"),
            used: Used::Prompt,
            ..row("silent after the head", whole.stall_after(0), Some(200), 504, "timeout")
        },
    ];
    for status in [301, 302, 303, 307, 308] {
        let answer = Answer::status(status).header("location", "http://127.0.0.1:9/planted");
        rows.push(row("a redirect", answer, Some(status), 502, "upstream_error"));
    }
    rows
}

/// What may never reach a client.
#[track_caller]
fn assert_clean(name: &str, answer: &Answered) {
    let text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    for secret in [UPSTREAM_KEY, "127.0.0.1", "10.0.0.1", "planted", "set-cookie", "<html"] {
        assert!(!text.contains(secret), "{name}: {text}");
    }
}

fn prompt(body: &str) -> u64 {
    ChatRequest::from_bytes(body.to_owned()).unwrap().estimated_prompt_tokens()
}

async fn chat(bench: &Bench, body: String) -> Answered {
    timeout(SOON, async { read(bench.gateway.chat(&bench.client, body).await).await }).await.expect("an answer in time")
}

async fn each_row_before_the_first_byte(spoken: Spoken) {
    let mock = spoken.mock();
    let upstream = mock.listen().await.unwrap();
    let patient = Bench::of([spoken.model(&upstream.base_url(), LONG)], &["m"]).await;
    let hasty = Bench::of([spoken.model(&upstream.base_url(), SHORT)], &["m"]).await;
    let mut expected = [cost(0, 0, 0); 2];
    for more in ["", STREAM] {
        for mut row in before_the_first_byte(spoken) {
            let (bench, expected) = match row.name.starts_with("silent") {
                true => (&hasty, &mut expected[0]),
                false => (&patient, &mut expected[1]),
            };
            let name = format!("{spoken:?}{more}: {}", row.name);
            let received = mock.received();
            mock.answer(row.answer.clone().header("set-cookie", "a=b"));
            let answer = chat(bench, ask(more)).await;
            println!("{name}: {}", answer.text());
            // Gemini has streams without a single event, and a word of its own for them.
            let may_be_empty = spoken == Spoken::Gemini && more == STREAM && row.upstream == Some(200);
            if may_be_empty && answer.text().contains("upstream_empty_response") {
                row.code = Some("upstream_empty_response");
            }
            let param = (row.status == 404).then_some("model");
            answer.expect_error(row.status, row.kind, row.code, param);
            assert_clean(&name, &answer);
            assert_eq!(mock.received(), received + 1, "{name}: asked once");
            let reason = row.reason.or(row.code).map(str::to_owned);
            let input = if let Used::Prompt = row.used { prompt(&ask(more)) } else { 0 };
            assert_receipt(&name, bench, &answer, (row.word(), reason.as_deref().unwrap()), input);
            assert_eq!(bench.tried(), [(row.upstream, reason)], "{name}");
            let more = cost(1, input, 0);
            expected.requests += more.requests;
            expected.tokens += more.tokens;
            expected.nano_usd += more.nano_usd;
            assert_eq!(bench.settled().await, *expected, "{name}: {:?}", row.used);
        }
    }
    timeout(SOON, async {
        while mock.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("all has ended");
}

/// One test for each protocol, which run side by side.
macro_rules! for_each_protocol {
    ($check:ident: $openai:ident $azure:ident $anthropic:ident $gemini:ident $bedrock:ident) => {
        for_each_protocol!(@ $check $openai OpenAi);
        for_each_protocol!(@ $check $azure Azure);
        for_each_protocol!(@ $check $anthropic Anthropic);
        for_each_protocol!(@ $check $gemini Gemini);
        for_each_protocol!(@ $check $bedrock Bedrock);
    };
    (@ $check:ident $name:ident $spoken:ident) => {
        #[tokio::test]
        async fn $name() {
            $check(Spoken::$spoken).await;
        }
    };
}

for_each_protocol!(each_row_before_the_first_byte: before_openai before_azure before_anthropic before_gemini before_bedrock);

#[tokio::test]
async fn slow_heads_and_odd_wrapping_are_good_answers() {
    for spoken in ALL {
        let mock = spoken.mock();
        let upstream = mock.listen().await.unwrap();
        let bench = Bench::of([spoken.model(&upstream.base_url(), LONG)], &["m"]).await;
        let whole = stream_of(spoken, &mock, false).await;
        let rows = |more: &str| {
            let text = Answer::text("a story of several words").usage(7, 3);
            let mut rows = vec![
                ("a slow head", text.clone().delay_head(Duration::from_millis(30))),
                ("a byte at a time", text.clone().chunked(Chunking::Bytes(1))),
                ("JSON whatever was asked", Answer::json(200, String::from_utf8_lossy(&whole))),
            ];
            if more.is_empty() {
                rows.push(("another type", Answer::raw(200, "text/plain", whole.clone())));
            } else if spoken != Spoken::Bedrock {
                rows.push(("comments", text.header("x", "y")));
            }
            rows
        };
        let mut count = 0;
        for more in ["", STREAM] {
            for (name, answer) in rows(more) {
                mock.answer(answer);
                let answer = chat(&bench, ask(more)).await;
                assert_eq!(answer.status, 200, "{spoken:?}{more} {name}: {}", answer.text());
                assert!(answer.text().contains("story"), "{spoken:?}{more} {name}: {}", answer.text());
                let is_stream = answer.header("content-type") == Some("text/event-stream");
                assert_eq!(is_stream, more == STREAM, "{spoken:?} {name}");
                assert_eq!(answer.text().ends_with("data: [DONE]\n\n"), is_stream, "{spoken:?} {name}");
                assert_eq!(bench.tried(), [(Some(200), None)], "{spoken:?} {name}");
                count += 1;
            }
        }
        assert_eq!(bench.settled().await, cost(count, 7 * count, 3 * count), "{spoken:?}");
    }
}

#[tokio::test]
async fn words_on_when_to_retry_travel_through_every_protocol() {
    for spoken in ALL {
        let mock = spoken.mock();
        let upstream = mock.listen().await.unwrap();
        let bench = Bench::of([spoken.model(&upstream.base_url(), LONG)], &["m"]).await;
        for (status, told) in [(429, 429), (503, 503), (500, 502)] {
            for (name, value) in [
                ("retry-after", "7"),
                ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
                ("retry-after-ms", "1500"),
                ("x-should-retry", "false"),
            ] {
                mock.answer(Answer::raw(status, "text/plain", "").header(name, value));
                let answer = chat(&bench, ask("")).await;
                assert_eq!((answer.status.as_u16(), answer.header(name)), (told, Some(value)), "{spoken:?}");
            }
        }
    }
}

/// The bytes of the mock's own answer, which says what [`story`] says.
async fn stream_of(spoken: Spoken, mock: &Mock, is_stream: bool) -> Bytes {
    let upstream = mock.listen().await.unwrap();
    let (path, body) = match spoken {
        Spoken::OpenAi => ("/v1/chat/completions", r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#),
        Spoken::Azure => ("/openai/v1/chat/completions", r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#),
        Spoken::Anthropic => {
            ("/v1/messages", r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#)
        }
        Spoken::Gemini if is_stream => (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#,
        ),
        Spoken::Gemini => {
            ("/v1beta/models/m:generateContent", r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#)
        }
        Spoken::Bedrock if is_stream => {
            ("/model/m/converse-stream", r#"{"messages":[{"role":"user","content":[{"text":"x"}]}]}"#)
        }
        Spoken::Bedrock => ("/model/m/converse", r#"{"messages":[{"role":"user","content":[{"text":"x"}]}]}"#),
    };
    let is_flag = matches!(spoken, Spoken::OpenAi | Spoken::Azure | Spoken::Anthropic) && is_stream;
    let body = if is_flag { body.replacen('{', r#"{"stream":true,"#, 1) } else { body.to_owned() };
    let body = if is_flag && spoken != Spoken::Anthropic {
        body.replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1)
    } else {
        body
    };
    mock.answer(Answer::text(story()).usage(7, 3));
    let request = Request::post(format!("{}{path}", upstream.base_url()))
        .header("content-type", "application/json")
        .header("anthropic-version", "2023-06-01")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let response = Client::new().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200, "{spoken:?}");
    response.into_body().collect().await.unwrap().to_bytes()
}

fn story() -> &'static str {
    "A naïve story of a 🦀 with several words."
}

/// The text of the chunks of a stream, the code of the error that ends it, and whether it looks whole.
fn told(name: &str, answer: &Answered) -> (String, Option<String>, bool) {
    assert!(!answer.broke, "{name}: the connection ends in order");
    assert!(!answer.text().contains('\u{fffd}'), "{name}");
    let mut events = events(answer.text());
    let is_done = events.last().is_some_and(|last| last == "[DONE]");
    if is_done {
        events.pop();
    }
    let (mut text, mut error, mut is_finished) = (String::new(), None, false);
    for event in events {
        assert_eq!(error, None, "{name}: nothing comes after an error");
        let event: Value = serde_json::from_str(&event).unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(code) = event["error"]["code"].as_str() {
            assert_error(&event, event["error"]["type"].as_str().unwrap(), Some(code), None);
            error = Some(code.to_owned());
        }
        text += event["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
        is_finished |= event["choices"][0]["finish_reason"].is_string();
    }
    assert!(error.is_none() || !is_done, "{name}: no [DONE] after an error");
    assert!(error.is_some() || (is_done && is_finished), "{name}: a broken answer never looks whole: {answer:?}");
    (text, error, is_finished)
}

async fn each_row_after_the_first_byte(spoken: Spoken) {
    let mock = spoken.mock();
    let stream = stream_of(spoken, &mock, true).await;
    let ends = spoken.boundaries(&stream);
    assert_eq!(ends.last(), Some(&stream.len()), "{spoken:?}");
    let upstream = mock.listen().await.unwrap();
    let patient = Bench::of([spoken.model(&upstream.base_url(), LONG)], &["m"]).await;
    let hasty = Bench::of([spoken.model(&upstream.base_url(), SHORT)], &["m"]).await;
    // The text is half there.
    let crab = stream.windows(4).position(|bytes| bytes == "🦀".as_bytes());
    let crab = crab.unwrap_or_else(|| stream.len() / 2);
    let half = *ends.iter().rfind(|end| **end <= crab).unwrap();
    let sent = |bytes: &[u8]| Answer::raw(200, spoken.stream_type(), Bytes::copy_from_slice(bytes));
    let spliced = |event: Bytes| sent(&[&stream[..half], &event, &stream[half..]].concat());
    let rows = [
        ("cut between two events", sent(&stream).cut_after(half), "upstream_error", "upstream_error"),
        ("cut in an event", sent(&stream).cut_after(half + 10), "upstream_error", "upstream_error"),
        ("cut in a code point", sent(&stream).cut_after(crab + 2), "upstream_error", "upstream_error"),
        ("ended between two events", sent(&stream).end_after(half), "upstream_error", "upstream_error"),
        ("ended in an event", sent(&stream).end_after(half + 10), "upstream_error", "upstream_error"),
        ("ended in a code point", sent(&stream).end_after(crab + 2), "upstream_error", "upstream_error"),
        ("silent", sent(&stream).stall_after(half), "timeout", "idle_timeout"),
        ("a broken event", spliced(spoken.broken_event()), "upstream_error", "upstream_error"),
        ("its own error", spliced(spoken.overload_event()), "server_is_overloaded", "server_is_overloaded"),
        (
            "an endless event",
            spliced(spoken.endless_event()),
            "upstream_response_too_large",
            "upstream_response_too_large",
        ),
    ];
    for (name, answer, code, reason) in rows {
        let name = format!("{spoken:?}: {name}");
        let bench = if code == "timeout" { &hasty } else { &patient };
        let received = mock.received();
        mock.answer(answer.chunked(Chunking::Bytes(64 << 10)));
        let before = bench.settled().await;
        let answer = chat(bench, ask(STREAM)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let (text, error, is_finished) = told(&name, &answer);
        assert_eq!(error.as_deref(), Some(code), "{name}");
        assert!(!text.is_empty() && story().starts_with(&text) && !is_finished, "{name}: {text}");
        assert_clean(&name, &answer);
        assert_eq!(mock.received(), received + 1, "{name}: never retried");
        assert_eq!(bench.tried(), [(Some(200), Some(reason.to_owned()))], "{name}");
        let used = bench.settled().await;
        let delivered = (text.len() as u64).div_ceil(4);
        assert!(used.tokens >= before.tokens + delivered, "{name}: what was delivered counts");
        let word = if code == "timeout" { "upstream_timeout" } else { "upstream_error" };
        assert_receipt(&name, bench, &answer, (word, reason), used.tokens - before.tokens);
        assert_eq!(used.requests, before.requests + 1);
    }
}

for_each_protocol!(each_row_after_the_first_byte: after_openai after_azure after_anthropic after_gemini after_bedrock);

/// Cut, ended and left after every so many bytes: an error with a status of its own, or a prefix and one error event, or all
/// of it. What lacks nothing but its end marker is whole if it ended in order.
async fn every_cut_is_an_error_or_all_of_it(spoken: Spoken) {
    let mock = spoken.mock();
    let stream = stream_of(spoken, &mock, true).await;
    let upstream = mock.listen().await.unwrap();
    let bench = Bench::of([spoken.model(&upstream.base_url(), LONG)], &["m"]).await;
    let mut outcomes = [0; 3];
    let step = (stream.len() / 60).max(1);
    for at in (0..=stream.len()).step_by(step).chain([stream.len()]) {
        let sent = Answer::raw(200, spoken.stream_type(), stream.clone());
        for (name, answer) in [("cut", sent.clone().cut_after(at)), ("ended", sent.end_after(at))] {
            let name = format!("{spoken:?}: {name} after {at} of {}", stream.len());
            mock.answer(answer);
            let answer = chat(&bench, ask(STREAM)).await;
            if answer.status != 200 {
                let is_empty = spoken == Spoken::Gemini && name.contains("ended");
                let empty = is_empty && answer.text().contains("upstream_empty_response");
                let code = if empty { "upstream_empty_response" } else { "upstream_error" };
                answer.expect_error(502, "server_error", Some(code), None);
                outcomes[0] += 1;
                continue;
            }
            let (text, error, _) = told(&name, &answer);
            match error {
                Some(code) => {
                    assert!(code == "upstream_error" && story().starts_with(&text), "{name}: {text}");
                    outcomes[1] += 1;
                }
                None => {
                    assert_eq!(text, story(), "{name}");
                    outcomes[2] += 1;
                }
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{spoken:?}: {outcomes:?}");
}

for_each_protocol!(every_cut_is_an_error_or_all_of_it: cuts_openai cuts_azure cuts_anthropic cuts_gemini cuts_bedrock);

#[tokio::test]
async fn whoever_listens_to_nobody_is_unreachable_in_every_protocol() {
    for spoken in ALL {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let bench = Bench::of([spoken.model(&base_url, LONG)], &["m"]).await;
        for more in ["", STREAM] {
            let answer = chat(&bench, ask(more)).await;
            answer.expect_error(502, "server_error", Some("upstream_unreachable"), None);
            assert_receipt(more, &bench, &answer, ("upstream_unreachable", "upstream_unreachable"), 0);
            assert_eq!(bench.tried(), [(None, Some("upstream_unreachable".to_owned()))]);
        }
        assert_eq!(bench.settled().await, cost(2, 0, 0), "{spoken:?}");
    }
}
