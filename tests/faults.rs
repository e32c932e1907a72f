//! Faults, over real sockets: what a client gets when an upstream fails in every way there is, and when a client does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use support::{
    Answered, DONE, Gateway, SECOND, SOON, STREAM, STREAM_WITH_USAGE, UPSTREAM_KEY, WHOLE, ask, events, models, openai,
    read, says, stops,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tower::Layer;
use tower_completions::TranslateLayer;
use tower_completions::client::Client;
use tower_completions::mock::{Answer, Chunking, Mock};
use tower_completions::translate::OpenAi;

/// One request through a gateway of its own.
async fn through(base_url: &str, body: String) -> Answered {
    let gateway = Gateway::before(base_url).await;
    let answer = async { read(gateway.chat(&Client::new(), body).await).await };
    timeout(SOON, answer).await.expect("an answer in time")
}

/// What may never reach a client.
#[track_caller]
fn assert_clean(name: &str, answer: &Answered) {
    let text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    for secret in [UPSTREAM_KEY, "127.0.0.1", "10.0.0.1", "planted", "set-cookie", "openai-organization", "<html"] {
        assert!(!text.contains(secret), "{name}: {text}");
    }
}

struct Row {
    name: &'static str,
    answer: Answer,
    status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<&'static str>,
}

/// An upstream's failure that is a 5xx to the client.
fn failure(name: &'static str, answer: Answer, status: u16, code: &'static str) -> Row {
    Row { name, answer, status, kind: "server_error", code: Some(code), param: None }
}

/// What fails the same whether a stream was asked for or not.
fn before_the_first_byte() -> Vec<Row> {
    let garbage = |name, answer| failure(name, answer, 502, "upstream_error");
    let json = |body: &str| Answer::json(200, body);
    let leak = r#"{"error":{"message":"Incorrect key sk-upstream-planted at http://10.0.0.1","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
    let own = r#"{"error":{"message":"Bad 'n' for sk-upstream-planted","type":"invalid_request_error","param":"n","code":"integer_above_max_value"}}"#;
    let invalid = |name, status, answer, told| Row {
        name,
        answer,
        status,
        kind: "invalid_request_error",
        code: Some(told),
        param: Some("n"),
    };
    let deep = format!(r#"{{"choices":[{{}}],"x":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    let mut rows = vec![
        garbage("closes without a byte", Answer::refuse()),
        garbage("an error in a 200", json(r#"{"error":{"message":"planted","type":"server_error"}}"#)),
        garbage("an error text in a 200", json(r#"{"error":"planted"}"#)),
        garbage("HTML in a 200", Answer::raw(200, "text/html", "<html>planted</html>")),
        garbage("HTML in a 200 that claims to be JSON", json("<html>planted</html>")),
        garbage("an empty 200", Answer::status(200)),
        garbage("an empty 200 of JSON", json("")),
        garbage("a 204", Answer::status(204)),
        garbage("a list of models", json(r#"{"object":"list","data":[]}"#)),
        garbage("no object", json("[]")),
        garbage("choices that are no array", json(r#"{"choices":{}}"#)),
        garbage("no choices", json(r#"{"choices":[]}"#)),
        garbage("cut JSON", json(&WHOLE[..100])),
        garbage("two answers", json(&WHOLE.repeat(2))),
        garbage(
            "bad UTF-8",
            Answer::raw(
                200,
                "application/json",
                WHOLE.replace("Hi", "\u{1}").bytes().map(|b| if b == 1 { 0xff } else { b }).collect::<Vec<_>>(),
            ),
        ),
        garbage("too deep", json(&deep)),
        garbage("a short body", json(WHOLE).cut_after(100)),
        garbage("a short body, ended in order", json(WHOLE).end_after(100)),
        garbage("gzip unasked", json(WHOLE).header("content-encoding", "gzip")),
        garbage("an unknown coding", json(WHOLE).header("content-encoding", "planted")),
        garbage("a 500", Answer::raw(500, "text/html", "<html>planted 10.0.0.1</html>")),
        garbage("a 502", Answer::error(502)),
        failure("a 504", Answer::error(504), 504, "timeout"),
        failure("a 408", Answer::error(408), 504, "timeout"),
        failure("a 401 that repeats the key", Answer::json(401, leak), 502, "upstream_auth_error"),
        failure("a 403 that repeats the key", Answer::json(403, leak), 502, "upstream_auth_error"),
        failure("an auth error in a 200", json(leak), 502, "upstream_auth_error"),
        failure("a 503", Answer::error(503), 503, "server_is_overloaded"),
        failure("a 529", Answer::error(529), 503, "server_is_overloaded"),
        failure("a 503 in gzip", Answer::error(503).header("content-encoding", "gzip"), 503, "server_is_overloaded"),
        failure(
            "a spent quota",
            Answer::json(429, r#"{"error":{"message":"planted","code":"insufficient_quota"}}"#),
            502,
            "upstream_quota",
        ),
        invalid("a 400", 400, Answer::json(400, own), "integer_above_max_value"),
        invalid("a 413", 413, Answer::json(413, own), "integer_above_max_value"),
        invalid("a 422", 400, Answer::json(422, own), "integer_above_max_value"),
        Row {
            name: "a 400 without words",
            kind: "invalid_request_error",
            code: None,
            ..garbage("", Answer::raw(400, "text/html", "<html>"))
        },
        Row {
            name: "a 413 without words",
            kind: "invalid_request_error",
            ..failure("", Answer::status(413), 413, "request_too_large")
        },
        Row {
            name: "a 404",
            kind: "invalid_request_error",
            param: Some("model"),
            ..failure("", Answer::json(404, leak), 404, "model_not_found")
        },
        Row { name: "a 429", kind: "rate_limit_error", ..failure("", Answer::error(429), 429, "rate_limit_exceeded") },
    ];
    rows.iter_mut().filter(|row| row.name == "a 400 without words").for_each(|row| row.status = 400);
    for status in [300, 301, 302, 303, 307, 308, 304] {
        let answer = Answer::status(status).header("location", "http://127.0.0.1:9/planted");
        rows.push(garbage("a redirect", answer));
    }
    rows
}

#[tokio::test]
async fn what_fails_before_the_first_byte_has_its_exact_error() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::before(&format!("{}/v1", upstream.base_url())).await;
    let client = Client::new();
    for more in ["", STREAM] {
        for Row { name, answer, status, kind, code, param } in before_the_first_byte() {
            let answer =
                answer.header("set-cookie", "a=b").header("openai-organization", "org").header("x-request-id", "req-7");
            mock.answer(answer);
            let before = mock.received();
            let answer = timeout(SOON, async { read(gateway.chat(&client, ask(more)).await).await }).await.expect(name);
            println!("{name} {more}");
            answer.expect_error(status, kind, code, param);
            assert_clean(name, &answer);
            assert_eq!(mock.received(), before + 1, "{name}: asked once");
            assert_eq!(answer.header("retry-after"), None, "{name}");
        }
    }
    timeout(SOON, async {
        while mock.in_flight() > 0 {
            tokio::task::yield_now().await
        }
    })
    .await
    .expect("all has ended");
}

#[tokio::test]
async fn words_on_when_to_retry_travel() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::before(&upstream.base_url()).await;
    for (status, told) in [(429, 429), (503, 503), (529, 503), (500, 502)] {
        for (name, value) in [
            ("retry-after", "7"),
            ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ("retry-after-ms", "1500"),
            ("x-should-retry", "false"),
        ] {
            mock.answer(Answer::error(status).header(name, value).header("x-request-id", "req-7"));
            let answer = read(gateway.chat(&Client::new(), ask(STREAM)).await).await;
            assert_eq!((answer.status.as_u16(), answer.header(name)), (told, Some(value)));
            assert_eq!(answer.header("x-upstream-request-id"), Some("req-7"));
            let others = ["retry-after", "retry-after-ms", "x-should-retry"].into_iter().filter(|other| *other != name);
            assert!(others.into_iter().all(|other| answer.header(other).is_none()));
        }
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for more in ["", STREAM] {
        let answer = through(&base_url, ask(more)).await;
        answer.expect_error(502, "server_error", Some("upstream_unreachable"), None);
        assert_clean("refused", &answer);
    }
    let answer = through("http://does-not-exist.invalid", ask("")).await;
    answer.expect_error(502, "server_error", Some("upstream_unreachable"), None);
    assert!(!answer.text().contains("invalid\""), "{}", answer.text());
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (mock, other) = (Mock::openai(), Mock::openai());
    let (upstream, elsewhere) = (mock.listen().await.unwrap(), other.listen().await.unwrap());
    for status in [301, 302, 303, 307, 308] {
        mock.answer(Answer::status(status).header("location", format!("{}/v1/chat/completions", elsewhere.base_url())));
        let answer = through(&upstream.base_url(), ask(STREAM)).await;
        answer.expect_error(502, "server_error", Some("upstream_error"), None);
    }
    assert_eq!((elsewhere.connections(), other.received(), mock.received()), (0, 0, 5));
}

#[tokio::test]
async fn no_client_steers_where_a_request_goes() {
    let (mock, other) = (Mock::openai(), Mock::openai());
    let (upstream, elsewhere) = (mock.listen().await.unwrap(), other.listen().await.unwrap());
    let gateway = Gateway::before(&format!("{}/v1", upstream.base_url())).await;
    let target = elsewhere.base_url();
    for field in ["api_base", "base_url", "url", "host", "custom_llm_provider"] {
        let more = format!(
            r#","{field}":"{target}","extra_body":{{"{field}":"{target}"}},"metadata":{{"{field}":"{target}"}}"#
        );
        assert_eq!(read(gateway.chat(&Client::new(), ask(&more)).await).await.status, 200);
    }
    for model in ["m#x", "../m", "m?x=y", "m@h", "/m", "m/../../x", "http://h/m", "m\\r\\nx-evil: 1", "\\u0000"] {
        let answer = read(gateway.chat(&Client::new(), ask("").replace("\"m\"", &format!("\"{model}\""))).await).await;
        answer.expect_error(404, "invalid_request_error", Some("model_not_found"), Some("model"));
        assert!(answer.header("x-evil").is_none());
    }
    assert_eq!((mock.received(), elsewhere.connections()), (5, 0));
    assert!(mock.requests().iter().all(|request| request.path_and_query() == "/v1/chat/completions"));
}

#[tokio::test]
async fn good_answers_in_bad_wrapping_are_taken() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::before(&upstream.base_url()).await;
    let client = Client::new();
    for kind in ["text/plain", "text/html", "application/octet-stream", "text/event-stream"] {
        mock.answer(Answer::raw(200, kind, WHOLE));
        let answer = read(gateway.chat(&client, ask("")).await).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text(), answer.header("content-type")),
            (200, WHOLE, Some("application/json"))
        );
    }
    mock.answer(Answer::json(200, WHOLE).chunked(Chunking::Bytes(1)));
    assert_eq!(read(gateway.chat(&client, ask("")).await).await.text(), WHOLE);
    for more in [STREAM, STREAM_WITH_USAGE] {
        mock.answer(Answer::json(200, WHOLE));
        let answer = read(gateway.chat(&client, ask(more)).await).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/event-stream")));
        let events = events(answer.text());
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
        assert!(answer.text().contains("\"content\":\"Hi\"") && answer.text().contains("\"finish_reason\":\"stop\""));
    }
    let stream = says("Hi") + &stops(0) + DONE;
    for kind in ["application/octet-stream", "text/plain", "Text/Event-Stream"] {
        mock.answer(Answer::raw(200, kind, stream.clone()));
        assert_eq!(read(gateway.chat(&client, ask(STREAM)).await).await.text(), stream);
    }
}

#[tokio::test]
async fn an_answer_over_the_cap_is_refused() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let dialect = OpenAi::new(&upstream.base_url()).unwrap();
    let gateway =
        Gateway::serve(models(TranslateLayer::new(dialect).max_answer(WHOLE.len()).layer(Client::new()))).await;
    let padded = |spaces: usize| WHOLE.to_owned() + &" ".repeat(spaces);
    for more in ["", STREAM] {
        for answer in [
            Answer::json(200, padded(1)),
            Answer::json(200, padded(1 << 20)),
            Answer::json(200, padded(1 << 20)).chunked(Chunking::Bytes(100)).end_after(usize::MAX),
            Answer::json(200, padded(1)).stall_after(10),
        ] {
            mock.answer(answer);
            let answer =
                timeout(SOON, async { read(gateway.chat(&Client::new(), ask(more)).await).await }).await.unwrap();
            answer.expect_error(502, "server_error", Some("upstream_response_too_large"), None);
        }
        mock.answer(Answer::json(200, WHOLE));
        assert_eq!(read(gateway.chat(&Client::new(), ask(more)).await).await.status, 200);
    }
}

/// A stream that fails after its first event: what came is intact, then one error event, and nothing that looks like an end.
#[track_caller]
fn assert_broken(name: &str, answer: &Answered, prefix: &str, code: &str) {
    assert_eq!(answer.status, 200, "{name}");
    assert!(!answer.broke, "{name}: the connection ends in order");
    let rest = answer.text().strip_prefix(prefix).unwrap_or_else(|| panic!("{name}: {}", answer.text()));
    let events = events(rest);
    assert_eq!(events.len(), 1, "{name}: {rest}");
    support::assert_error(&serde_json::from_str(&events[0]).unwrap(), "server_error", Some(code), None);
    assert!(
        !rest.contains("finish_reason") && !rest.contains("[DONE]") && !rest.contains('\u{fffd}'),
        "{name}: {rest}"
    );
    assert_clean(name, answer);
}

#[tokio::test]
async fn what_fails_after_the_first_byte_ends_in_an_event() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::before(&upstream.base_url()).await;
    let first = says("naïve");
    let all = first.clone() + &says("🦀") + &stops(0) + DONE;
    let crab = all.find('🦀').unwrap();
    let error = format!("{first}data: {{\"error\":{{\"message\":\"planted\",\"type\":\"server_error\"}}}}\n\n{DONE}");
    let rows = [
        ("cut between two events", Answer::sse(all.clone()).cut_after(first.len())),
        ("cut in an event", Answer::sse(all.clone()).cut_after(first.len() + 20)),
        ("cut in a code point", Answer::sse(all.clone()).cut_after(crab + 2)),
        ("ended between two events", Answer::sse(all.clone()).end_after(first.len())),
        ("ended in an event", Answer::sse(all.clone()).end_after(first.len() + 20)),
        ("ended in a code point", Answer::sse(all.clone()).end_after(crab + 2)),
        ("the provider's own error", Answer::sse(error)),
        ("broken JSON", Answer::sse(format!("{first}data: {{\n\n{}{DONE}", stops(0)))),
        ("bad UTF-8", Answer::sse([first.as_bytes(), b"data: {\"x\":\"\xff\"}\n\n", DONE.as_bytes()].concat())),
    ];
    for (name, answer) in rows {
        for chunking in [Chunking::Whole, Chunking::Events, Chunking::Bytes(1)] {
            mock.answer(answer.clone().chunked(chunking));
            let answer =
                timeout(SOON, async { read(gateway.chat(&Client::new(), ask(STREAM)).await).await }).await.expect(name);
            assert_broken(name, &answer, &first, "upstream_error");
        }
    }
    for (kept, added) in [(all.len() - DONE.len(), true), (all.len(), false)] {
        mock.answer(Answer::sse(all.clone()).end_after(kept)).answer(Answer::sse(all.clone()).cut_after(kept));
        let answer = read(gateway.chat(&Client::new(), ask(STREAM)).await).await;
        assert_eq!((answer.text(), answer.broke), (&*all, false), "{added}");
        let cut = read(gateway.chat(&Client::new(), ask(STREAM)).await).await;
        if added {
            assert_broken("reset after the finish", &cut, &all[..kept], "upstream_error");
        } else {
            assert_eq!((cut.text(), cut.broke), (&*all, false), "reset after the end");
        }
    }
}

/// An upstream made of bytes: takes connections one at a time, reads a request's head, and lets `serve` do the rest.
async fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (String, JoinHandle<()>)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match socket.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            connections.spawn(serve(socket));
        }
    });
    (base_url, task)
}

const EVENT_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn framed(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

#[tokio::test]
async fn bytes_that_are_no_http_are_an_upstream_error() {
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(2 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(10_000));
    let rows = [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n",
        "HTTP/1.1 ",
        &endless,
        &many,
    ];
    for bytes in rows {
        for more in ["", STREAM] {
            let bytes = bytes.to_owned();
            let (base_url, task) = raw(move |mut socket| {
                let bytes = bytes.clone();
                async move {
                    // An early reset by the client is fine.
                    let _ = socket.write_all(bytes.as_bytes()).await;
                    socket.shutdown().await
                }
            })
            .await;
            let answer = through(&base_url, ask(more)).await;
            answer.expect_error(502, "server_error", Some("upstream_error"), None);
            assert_clean("no HTTP", &answer);
            task.abort();
        }
    }
}

#[tokio::test]
async fn a_reset_midway_ends_in_an_event() {
    let (reached, seen) = (Arc::new(tokio::sync::Notify::new()), says("Hi"));
    let (told, first) = (reached.clone(), seen.clone());
    let (base_url, task) = raw(move |mut socket| {
        let (told, first) = (told.clone(), first.clone());
        async move {
            socket.write_all((EVENT_HEAD.to_owned() + &framed(&first)).as_bytes()).await?;
            told.notified().await;
            // The request's body was never read, so the kernel answers with a reset.
            drop(socket);
            Ok(())
        }
    })
    .await;
    let gateway = Gateway::before(&base_url).await;
    let mut response = gateway.chat(&Client::new(), ask(STREAM)).await;
    let frame = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(frame, seen);
    reached.notify_one();
    let answer = timeout(SOON, read(response)).await.unwrap();
    assert_broken("reset", &answer, "", "upstream_error");
    task.abort();
}

#[tokio::test]
async fn a_client_that_leaves_takes_the_upstream_along_within_a_second() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::before(&upstream.base_url()).await;
    let first = says("Hi");

    mock.answer(Answer::sse(first.clone() + &stops(0)).stall_after(first.len()));
    let mut response = gateway.chat(&Client::new(), ask(STREAM)).await;
    assert_eq!(response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap(), first);
    assert_eq!((mock.in_flight(), mock.dropped()), (1, 0));
    drop(response);
    timeout(SECOND, mock.wait_for_drop()).await.expect("a stalled stream is dropped");

    // Before the head, before the first event, and in the middle of an answer that is not streamed.
    for (more, answer) in [
        ("", Answer::text("x").delay_head(Duration::MAX)),
        (STREAM, Answer::text("x").delay_head(Duration::MAX)),
        (STREAM, Answer::sse(": hello\n\n").stall_after(9)),
        ("", Answer::json(200, WHOLE).stall_after(20)),
        ("", Answer::json(500, WHOLE).stall_after(20)),
    ] {
        mock.answer(answer);
        let received = mock.received();
        let mut socket = TcpStream::connect(gateway.addr).await.unwrap();
        let body = ask(more);
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        socket.write_all((head + &body).as_bytes()).await.unwrap();
        timeout(SOON, mock.wait_for_requests(received + 1)).await.unwrap();
        drop(socket);
        timeout(SECOND, mock.wait_for_drop()).await.expect("the upstream is dropped");
    }
    assert_eq!(mock.in_flight(), 0);
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_the_upstream_back() {
    const LIMIT: usize = 64 << 20;
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let event = framed(&says(&"x".repeat(60_000)));
    let (base_url, task) = raw(move |mut socket| {
        let (count, event) = (count.clone(), event.clone());
        async move {
            socket.write_all(EVENT_HEAD.as_bytes()).await?;
            while count.load(Ordering::Relaxed) < LIMIT {
                socket.write_all(event.as_bytes()).await?;
                count.fetch_add(event.len(), Ordering::Relaxed);
            }
            Ok(())
        }
    })
    .await;
    let gateway = Gateway::before(&base_url).await;
    let mut socket = TcpStream::connect(gateway.addr).await.unwrap();
    let body = ask(STREAM);
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    socket.write_all((head + &body).as_bytes()).await.unwrap();
    // It flows until every buffer on the way is full, and then it stands still.
    let still = async {
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let now = written.load(Ordering::Relaxed);
            if now > 0 && now == before {
                return now;
            }
            before = now;
        }
    };
    let stopped_at = timeout(SOON, still).await.expect("the upstream comes to a halt");
    assert!(stopped_at < LIMIT / 2, "{stopped_at}");
    let mut buffer = vec![0; 1 << 20];
    let mut read = 0;
    while read < stopped_at + (8 << 20) {
        read += timeout(SOON, socket.read(&mut buffer)).await.expect("it flows again").unwrap();
    }
    drop(socket);
    task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_interleaved_streams_never_mix() {
    let mock = Mock::openai().keep_requests(1);
    mock.respond_with(|request| {
        let marker = request.json()["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
        let text = format!("{marker} ").repeat(20);
        Answer::text(text).delay_frames(Duration::from_millis(1)).chunked(Chunking::Bytes(97))
    });
    let upstream = mock.listen().await.unwrap();
    let gateway = Arc::new(Gateway::before(&upstream.base_url()).await);
    let client = Client::new();
    let mut tenants = JoinSet::new();
    for tenant in 0..300 {
        let (gateway, client) = (gateway.clone(), client.clone());
        tenants.spawn(async move {
            let marker = format!("tenant-{tenant:03}");
            let body = ask(if tenant % 3 == 0 { STREAM_WITH_USAGE } else { STREAM })
                .replace("\"x\"", &format!("\"{marker}\""));
            let answer = read(gateway.chat(&client, body).await).await;
            assert_eq!((answer.status.as_u16(), answer.broke), (200, false), "{marker}");
            let mut events = events(answer.text());
            assert_eq!(events.pop().as_deref(), Some("[DONE]"), "{marker}");
            let chunks = events.iter().map(|event| serde_json::from_str::<serde_json::Value>(event).unwrap());
            let text: String = chunks
                .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
                .collect();
            assert_eq!(text, format!("{marker} ").repeat(20));
        });
    }
    timeout(Duration::from_secs(60), async {
        while let Some(done) = tenants.join_next().await {
            done.unwrap()
        }
    })
    .await
    .unwrap();
    assert_eq!((mock.received(), mock.in_flight(), mock.dropped()), (300, 0, 0));
}

#[tokio::test]
async fn one_upstream_stream_is_polled_no_further_than_its_client_reads() {
    let event = Bytes::from(says("x"));
    let polled = Arc::new(AtomicUsize::new(0));
    let count = polled.clone();
    let upstream = tower::service_fn(move |_: http::Request<http_body_util::Full<Bytes>>| {
        let (count, event) = (count.clone(), event.clone());
        let frames = std::iter::repeat_with(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, io::Error>(http_body::Frame::data(event.clone()))
        });
        let body = http_body_util::StreamBody::new(tokio_stream::iter(frames));
        async { Ok::<_, io::Error>(http::Response::new(body)) }
    });
    let service = openai("http://upstream.test", upstream);
    let stack = tower_completions::ChatLayer::new().layer(service);
    let Ok(mut response) = tower::ServiceExt::oneshot(stack, support::post(ask(STREAM))).await;
    assert_eq!(polled.load(Ordering::Relaxed), 1, "the first event, before the head");
    for read in 1..5 {
        assert!(response.body_mut().frame().await.unwrap().is_ok());
        assert_eq!(polled.load(Ordering::Relaxed), read);
    }
}

#[tokio::test]
async fn a_stream_read_to_its_end_gives_its_connection_back() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::before(&upstream.base_url()).await;
    for _ in 0..10 {
        assert_eq!(read(gateway.chat(&Client::new(), ask(STREAM)).await).await.status, 200);
        // The pool hears of it a moment later.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(upstream.connections() <= 3, "{} connections for ten streams", upstream.connections());
}

#[tokio::test]
async fn the_end_of_a_body_may_come_a_moment_after_the_end_of_the_answer() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let (upstream, _task) = raw(move |mut socket| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            let answer = format!("{EVENT_HEAD}{}{}", framed(&(says("Hi") + &stops(0))), framed(DONE));
            loop {
                socket.write_all(answer.as_bytes()).await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
                socket.write_all(b"0\r\n\r\n").await?;
                let mut next = Vec::new();
                while !next.ends_with(b"\r\n\r\n") {
                    next.push(socket.read_u8().await?);
                }
            }
        }
    })
    .await;
    let gateway = Gateway::before(&upstream).await;
    for _ in 0..5 {
        let answer = read(gateway.chat(&Client::new(), ask(STREAM)).await).await;
        assert!(answer.text().ends_with(DONE), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}
