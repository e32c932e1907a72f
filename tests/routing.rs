//! Fallbacks, retries and targets over real sockets: who answers when somebody fails, and what it takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "support/spoken.rs"]
mod spoken;
mod support;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use spoken::{ALL, Bench, LONG, Spoken, cost};
use support::{Answered, DONE, SOON, STREAM, WHOLE, ask, openai, read};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tower::{ServiceBuilder, ServiceExt};
use tower_completions::Model;
use tower_completions::client::Client;
use tower_completions::connection::FreshConnection;
use tower_completions::mock::{Answer, Mock};
use tower_completions::random::Random;
use tower_completions::route::{Balance, RetryPolicy, Target, Targets};

async fn chat(bench: &Bench, body: String) -> Answered {
    timeout(SOON, async { read(bench.gateway.chat(&bench.client, body).await).await }).await.expect("an answer in time")
}

/// A provider of this protocol that fails, before one of the next protocol that does not.
async fn pair(spoken: Spoken, other: Spoken) -> (Bench, Mock, Mock, impl Sized) {
    let (bad, good) = (spoken.mock(), other.mock());
    let (bad_at, good_at) = (bad.listen().await.unwrap(), good.listen().await.unwrap());
    // Both make a model `m`; the other one is a target of `n`.
    let spare = Targets::new([Target::new("spare", other.service(&good_at.base_url(), LONG))]);
    let models = [spoken.model(&bad_at.base_url(), LONG).fallbacks(["n"]), Model::new("n", spare).upstream("m")];
    (Bench::of(models, &["m", "n"]).await, bad, good, (bad_at, good_at))
}

#[tokio::test]
async fn every_protocol_stands_in_for_every_other_kind_of_failure() {
    for (at, spoken) in ALL.into_iter().enumerate() {
        let other = ALL[(at + 1) % ALL.len()];
        let (bench, bad, good, _listening) = pair(spoken, other).await;
        let mut count = 0;
        for more in ["", STREAM] {
            for answer in [
                Answer::refuse(),
                Answer::error(401),
                Answer::error(404),
                Answer::error(408),
                Answer::error(429),
                Answer::error(500),
                Answer::error(503),
                Answer::status(409),
                Answer::status(529),
                Answer::status(302),
                Answer::json(200, spoken.failure()),
                Answer::raw(200, "text/html", "<html>"),
                Answer::text("cut").cut_after(5),
            ] {
                let name = format!("{spoken:?} to {other:?}{more}: {answer:?}");
                bad.answer(answer);
                good.answer(Answer::text("I stand in").usage(7, 3));
                let answer = chat(&bench, ask(more)).await;
                assert_eq!(answer.status, 200, "{name}: {}", answer.text());
                assert!(answer.text().contains("stand"), "{name}: {}", answer.text());
                assert_eq!(answer.text().ends_with(DONE), more == STREAM);
                let headers =
                    ["x-served-model", "x-served-provider", "x-served-attempts"].map(|name| answer.header(name));
                assert_eq!(headers, [Some("n"), Some("p"), Some("2")], "{name}");
                let tried = bench.tried();
                assert_eq!((tried.len(), &tried[1]), (2, &(Some(200), None)), "{name}");
                assert!(tried[0].1.is_some(), "{name}: {tried:?}");
                count += 1;
            }
            // The client's own mistake, and a stream that has begun.
            bad.answer(Answer::error(400));
            assert_eq!(chat(&bench, ask(more)).await.status, 400);
            assert_eq!(bench.tried().len(), 1);
        }
        assert_eq!((bad.received(), good.received()), (count + 2, count), "{spoken:?}");
        let used = bench.settled().await;
        let count = count as u64;
        let timeouts = 2 * tokens(&ask(""));
        assert_eq!(used.requests, count + 2, "{spoken:?}");
        assert!(used.tokens >= count * 10 && used.tokens <= count * 10 + timeouts + 10, "{spoken:?}: {used:?}");
    }
}

fn tokens(body: &str) -> u64 {
    body.len() as u64
}

#[tokio::test]
async fn a_stream_that_has_begun_is_nobody_elses() {
    for spoken in ALL {
        let (bench, bad, good, _listening) = pair(spoken, Spoken::OpenAi).await;
        bad.answer(Answer::text("a story of many words that is cut in its middle").cut_after(match spoken {
            Spoken::Anthropic => 900,
            _ => 500,
        }));
        let answer = chat(&bench, ask(STREAM)).await;
        assert_eq!(answer.status, 200, "{spoken:?}");
        assert!(answer.text().contains("\"error\"") && !answer.text().contains("[DONE]"), "{spoken:?}");
        assert_eq!((bad.received(), good.received()), (1, 0), "{spoken:?}");
    }
}

#[tokio::test]
async fn a_500_and_then_a_good_answer_cost_what_the_good_one_says() {
    for spoken in ALL {
        let mock = spoken.mock();
        let upstream = mock.listen().await.unwrap();
        let policy =
            RetryPolicy::new().backoff(Duration::from_millis(2), Duration::from_millis(4)).random(Random::seeded(1));
        let service = ServiceBuilder::new().retry(policy).service(spoken.service(&upstream.base_url(), LONG));
        let bench = Bench::of([Model::new("m", service)], &["m"]).await;
        for (more, failures) in [("", 1), (STREAM, 2)] {
            for _ in 0..failures {
                mock.answer(Answer::error(500));
            }
            mock.answer(Answer::text("at last").usage(7, 3));
            let answer = chat(&bench, ask(more)).await;
            assert_eq!(
                (answer.status.as_u16(), bench.tried().len()),
                (200, failures + 1),
                "{spoken:?}: {}",
                answer.text()
            );
            assert_eq!(answer.header("x-served-attempts"), Some(&*(failures + 1).to_string()));
        }
        assert_eq!(bench.settled().await, cost(2, 14, 6), "{spoken:?}");
        // Three are too many.
        for _ in 0..3 {
            mock.answer(Answer::error(500));
        }
        chat(&bench, ask("")).await.expect_error(502, "server_error", Some("upstream_error"), None);
        assert_eq!(bench.tried().len(), 3);
    }
}

/// A server made of bytes: `serve` gets each connection with its number, from 0.
async fn raw<F>(serve: impl Fn(TcpStream, usize) -> F + Send + 'static) -> (String, JoinHandle<()>)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        let mut number = 0;
        while let Ok((socket, _)) = listener.accept().await {
            connections.spawn(serve(socket, number));
            number += 1;
        }
    });
    (base_url, task)
}

/// Reads one whole request.
async fn request(socket: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    socket.read_exact(&mut vec![0; length.unwrap_or(0)]).await?;
    Ok(())
}

async fn answer(socket: &mut TcpStream) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", WHOLE.len());
    socket.write_all((head + WHOLE).as_bytes()).await
}

fn retried(base_url: &str) -> Model {
    let policy = RetryPolicy::new().backoff(Duration::from_millis(2), Duration::from_millis(4));
    let service = ServiceBuilder::new()
        .retry(policy)
        .map_err(tower_completions::BoxError::from)
        .service(openai(&format!("{base_url}/v1"), Client::new()));
    Model::new("m", service)
}

#[tokio::test]
async fn a_pooled_connection_that_dies_under_a_request_is_replaced() {
    // The first connection serves one request, takes another one, and closes without a word.
    let (base_url, _task) = raw(|mut socket, number| async move {
        let lives = if number == 0 { 1 } else { 9 };
        for _ in 0..lives {
            request(&mut socket).await?;
            answer(&mut socket).await?;
        }
        request(&mut socket).await?;
        socket.shutdown().await
    })
    .await;
    let bench = Bench::of([retried(&base_url)], &["m"]).await;
    for attempts in [1, 2, 1, 1] {
        let answer = chat(&bench, ask("")).await;
        assert_eq!((answer.status.as_u16(), bench.tried().len()), (200, attempts), "{}", answer.text());
        // The pool hears of the connection a moment later.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(bench.settled().await, cost(4, 12, 4));
}

#[tokio::test]
async fn a_server_that_takes_and_closes_is_asked_three_times_and_one_that_began_to_answer_once() {
    for (bytes, attempts) in [("", 3), ("HTTP/1.1 2", 1), ("SSH-2.0-x\r\n", 1)] {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = count.clone();
        let (base_url, _task) = raw(move |mut socket, _| {
            let seen = seen.clone();
            async move {
                request(&mut socket).await?;
                seen.fetch_add(1, Ordering::Relaxed);
                socket.write_all(bytes.as_bytes()).await?;
                socket.shutdown().await
            }
        })
        .await;
        let bench = Bench::of([retried(&base_url)], &["m"]).await;
        chat(&bench, ask("")).await.expect_error(502, "server_error", Some("upstream_error"), None);
        assert_eq!((count.load(Ordering::Relaxed), bench.tried().len()), (attempts, attempts), "{bytes:?}");
    }
}

#[tokio::test]
async fn a_client_tells_what_had_no_answer_and_gives_a_fresh_connection() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let (base_url, _task) = raw(move |mut socket, _| {
        seen.fetch_add(1, Ordering::Relaxed);
        async move {
            loop {
                request(&mut socket).await?;
                answer(&mut socket).await?;
            }
        }
    })
    .await;
    let client = Client::new();
    let send = async |is_fresh: bool| {
        let mut request = Request::post(&base_url).body(Full::new(Bytes::from_static(b"{}"))).unwrap();
        if is_fresh {
            request.extensions_mut().insert(FreshConnection);
        }
        let response = client.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        count.load(Ordering::Relaxed)
    };
    assert_eq!(
        [send(false).await, send(false).await, send(true).await, send(true).await, send(false).await],
        [1, 1, 2, 3, 3]
    );

    for (bytes, is_unanswered) in [("", true), ("HTTP/1.1 2", false)] {
        let (base_url, _task) = raw(move |mut socket, _| async move {
            request(&mut socket).await?;
            socket.write_all(bytes.as_bytes()).await?;
            socket.shutdown().await
        })
        .await;
        let request = Request::post(base_url).body(Full::new(Bytes::from_static(b"{}"))).unwrap();
        let error = Client::new().oneshot(request).await.unwrap_err();
        assert_eq!((error.is_unanswered(), error.is_connect()), (is_unanswered, false), "{bytes:?}");
    }
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const HEADERS: u8 = 1;

/// A server of HTTP/2: takes one request, and says this of its stream.
async fn speaks_http2(mut socket: TcpStream, answer: &[u8]) -> io::Result<()> {
    socket.read_exact(&mut [0; 24]).await?;
    socket.write_all(&frame(4, 0, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        socket.read_exact(&mut vec![0; length]).await?;
        // Its settings are confirmed; the request's body may come as it likes.
        match (head[3], head[4]) {
            (4, 0) => socket.write_all(&frame(4, 1, 0, &[])).await?,
            (HEADERS, _) => socket.write_all(answer).await?,
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_a_server_of_http2_has_not_looked_at_is_asked_again() {
    // `:status` 200, and `content-type` by its place in the static table.
    let head = [&[0x88, 0x0f, 0x10, 16][..], b"application/json"].concat();
    let good = [frame(HEADERS, 4, 1, &head), frame(0, 1, 1, WHOLE.as_bytes())].concat();
    let goodbye = |error: u8| frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, error]);
    let reset = |error: u8| frame(3, 0, 1, &[0, 0, 0, error]);
    for (name, first, attempts) in [
        ("a goodbye in good order", goodbye(0), 2),
        ("a refused stream", reset(7), 2),
        ("an internal error", reset(2), 1),
        ("a goodbye after a mistake", goodbye(1), 1),
        ("an answer", good.clone(), 1),
    ] {
        let is_good = first == good;
        let (first, good) = (Arc::new(first), Arc::new(good.clone()));
        let (base_url, _task) = raw(move |socket, number| {
            let answer = if number == 0 { first.clone() } else { good.clone() };
            async move { speaks_http2(socket, &answer).await }
        })
        .await;
        let client = Client::builder().http2_prior_knowledge().build();
        let policy = RetryPolicy::new().backoff(Duration::from_millis(2), Duration::from_millis(4));
        let service = ServiceBuilder::new()
            .retry(policy)
            .map_err(tower_completions::BoxError::from)
            .service(openai(&format!("{base_url}/v1"), client));
        let bench = Bench::of([Model::new("m", service)], &["m"]).await;
        let answer = chat(&bench, ask("")).await;
        let expected = if attempts == 2 || is_good { 200 } else { 502 };
        assert_eq!((answer.status.as_u16(), bench.tried().len()), (expected, attempts), "{name}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_connection_that_does_not_come_is_a_timeout_and_somebody_elses_request() {
    // Nobody accepts, and the queue is full: whoever knocks now is not heard.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(knocked) = timeout(Duration::from_millis(300), TcpStream::connect(addr)).await {
        queue.push(knocked.unwrap());
        assert!(queue.len() < 100, "it never fills");
    }
    let hasty = Client::builder().connect_timeout(Duration::from_millis(200)).build();
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let model = |id: &str| Model::new(id, openai(&format!("http://{addr}/v1"), hasty.clone()));
    let spare = Model::new("n", openai(&format!("{}/v1", upstream.base_url()), Client::new()));
    let bench = Bench::of([model("m").fallbacks(["n"]), spare], &["m", "n"]).await;
    mock.answer(Answer::text("here").usage(7, 3));
    assert_eq!(chat(&bench, ask("")).await.header("x-served-model"), Some("n"));
    assert_eq!(bench.tried(), [(None, Some("connect_timeout".to_owned())), (Some(200), None)]);
    assert_eq!(bench.settled().await, cost(1, 7, 3), "the one that was not reached costs nothing");
    let alone = Bench::of([model("m")], &["m"]).await;
    chat(&alone, ask(STREAM)).await.expect_error(504, "server_error", Some("timeout"), None);
    assert_eq!(alone.settled().await, cost(1, 0, 0));
}

#[tokio::test]
async fn a_client_that_leaves_takes_whoever_is_asked_along() {
    let (bench, bad, good, _listening) = pair(Spoken::OpenAi, Spoken::Anthropic).await;
    bad.answer(Answer::error(500));
    good.answer(Answer::text("late").delay_head(Duration::MAX));
    let mut socket = TcpStream::connect(bench.gateway.addr).await.unwrap();
    let body = ask("");
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    socket.write_all((head + &body).as_bytes()).await.unwrap();
    timeout(SOON, good.wait_for_requests(1)).await.unwrap();
    drop(socket);
    timeout(Duration::from_secs(1), good.wait_for_drop()).await.expect("the fallback is dropped");
    bench.settled().await;
}

/// Measures, on a quiet machine: `cargo test --release --test routing -- --ignored --nocapture dead`. Both are asked in turn, so
/// that whatever else happens on the machine happens to both.
#[tokio::test]
#[ignore = "measures time"]
async fn one_dead_provider_among_three_by_the_clock_on_the_wall() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let mocks: Vec<Mock> = (0..3).map(|_| Mock::openai().keep_requests(0)).collect();
    let mut upstreams = Vec::new();
    for mock in &mocks {
        upstreams.push(mock.listen().await.unwrap());
    }
    let bench = async |first: String| {
        let urls = [first, upstreams[1].base_url(), upstreams[2].base_url()];
        let each = urls.into_iter().map(|url| Target::new(url.clone(), Spoken::OpenAi.service(&url, LONG)));
        Bench::of([Model::new("m", Targets::new(each).balance(Balance::Weighted))], &["m"]).await
    };
    let benches = [bench(upstreams[0].base_url()).await, bench(dead).await];
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..4_000 {
        for (bench, took) in benches.iter().zip(&mut took) {
            let began = Instant::now();
            assert_eq!(chat(bench, ask("")).await.status, 200);
            if round >= 50 {
                took.push(began.elapsed());
            }
        }
    }
    took.iter_mut().for_each(|took| took.sort());
    for percent in [50, 90, 99] {
        let [well, ill] = took.each_ref().map(|took| took[took.len() * percent / 100]);
        let ratio = ill.as_secs_f64() / well.as_secs_f64();
        println!("p{percent}: {well:?} with three, {ill:?} with one of them dead: {ratio:.2}");
    }
}
