use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tower::ServiceExt;

mod pool;
mod runtime;

use super::{Client, Incoming};

const LONG: Duration = Duration::from_secs(60);

/// A server of raw bytes, and how many connections it has had. `answer` gets the path of each request.
async fn server<F>(answer: impl Fn(TcpStream, String) -> F + Clone + Send + 'static) -> (String, Arc<AtomicUsize>)
where
    F: Future<Output = TcpStream> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counting = count.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counting.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            tokio::spawn(async move {
                socket.set_nodelay(true).unwrap();
                while let Some(path) = request(&mut socket).await {
                    socket = answer(socket, path).await;
                }
            });
        }
    });
    (url, count)
}

/// The path of the next request.
async fn request(socket: &mut TcpStream) -> Option<String> {
    head(socket).await?.split(' ').nth(1).map(str::to_owned)
}

/// The head of the next request.
async fn head(socket: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunks<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
    pieces.into_iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect()
}

async fn get(client: &Client, url: &str) -> Incoming {
    let request = Request::get(url).body(Full::new(Bytes::new())).unwrap();
    timeout(LONG, client.clone().oneshot(request)).await.unwrap().unwrap().into_body()
}

async fn next(body: &mut Incoming) -> Option<Bytes> {
    let frame = timeout(LONG, body.frame()).await.unwrap()?;
    Some(frame.unwrap().into_data().unwrap())
}

#[tokio::test]
async fn what_has_come_already_is_one_frame() {
    let (url, _) = server(|mut socket, _| async {
        let pieces: Vec<String> = (0..50).map(|at| format!("data: {at}\n\n")).collect();
        let answer = [CHUNKED, &chunks(pieces.iter().map(String::as_str)), "0\r\n\r\n"].concat();
        socket.write_all(answer.as_bytes()).await.unwrap();
        socket
    })
    .await;
    let mut body = get(&Client::new(), &url).await;
    let first = next(&mut body).await.unwrap();
    assert!(first.starts_with(b"data: 0\n\ndata: 1\n\n") && first.ends_with(b"data: 49\n\n"), "{first:?}");
    assert!(body.is_end_stream());
    assert_eq!(next(&mut body).await, None);
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn nothing_is_waited_for_and_large_pieces_are_not_joined() {
    let (read, large) = (Arc::new(Notify::new()), "x".repeat(5_000));
    let (url, _) = server({
        let (read, large) = (read.clone(), large.clone());
        move |mut socket, _| {
            let (read, large) = (read.clone(), large.clone());
            async move {
                socket.write_all([CHUNKED, &chunks(["a"])].concat().as_bytes()).await.unwrap();
                read.notified().await;
                let rest = [&chunks(["b", &large, "c"]), "0\r\n\r\n"].concat();
                socket.write_all(rest.as_bytes()).await.unwrap();
                socket
            }
        }
    })
    .await;
    let mut body = get(&Client::new(), &url).await;
    assert_eq!(next(&mut body).await.unwrap(), "a");
    read.notify_one();
    let mut frames = Vec::new();
    while let Some(frame) = next(&mut body).await {
        frames.push(frame);
    }
    // How many bytes the kernel hands over at once is its own affair.
    assert_eq!(frames.concat(), format!("b{large}c").into_bytes());
    assert_eq!(frames[0], "b");
}

#[tokio::test]
async fn the_length_of_what_is_held_back_is_told() {
    let large = "x".repeat(6_000);
    let (url, _) = server({
        let large = large.clone();
        move |mut socket, _| {
            let large = large.clone();
            async move {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", large.len());
                // A small piece, and a large one some time later.
                socket.write_all([&head, &large[..10]].concat().as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
                socket.write_all(&large.as_bytes()[10..]).await.unwrap();
                socket
            }
        }
    })
    .await;
    let mut body = get(&Client::new(), &url).await;
    let mut left = large.len() as u64;
    while let Some(frame) = next(&mut body).await {
        left -= frame.len() as u64;
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(left), left == 0));
    }
    assert_eq!(left, 0);
}

#[tokio::test]
async fn one_connection_serves_one_answer_after_the_other() {
    let (url, connections) = server(|mut socket, path| async move {
        let answer = match path.as_str() {
            "/length" => "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc".to_owned(),
            "/none" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            _ => [CHUNKED, &chunks(["a", "b", "c"]), "0\r\n\r\n"].concat(),
        };
        socket.write_all(answer.as_bytes()).await.unwrap();
        socket
    })
    .await;
    let client = Client::new();
    for round in 0..60 {
        let path = ["/length", "/chunks", "/none"][round % 3];
        let body = get(&client, &format!("{url}{path}")).await;
        let text = timeout(LONG, body.collect()).await.unwrap().unwrap().to_bytes();
        assert_eq!(text, if path == "/none" { "" } else { "abc" });
        // The task of the connection puts it back.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(connections.load(Ordering::SeqCst) <= 3, "{connections:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_may_be_read_by_one_task_and_then_by_another() {
    let go_on = Arc::new(Notify::new());
    let (url, _) = server({
        let go_on = go_on.clone();
        move |mut socket, _| {
            let go_on = go_on.clone();
            async move {
                socket.write_all(CHUNKED.as_bytes()).await.unwrap();
                for _ in 0..20 {
                    go_on.notified().await;
                    socket.write_all(chunks(["x"]).as_bytes()).await.unwrap();
                }
                socket.write_all(b"0\r\n\r\n").await.unwrap();
                socket
            }
        }
    })
    .await;
    let mut body = get(&Client::new(), &url).await;
    for _ in 0..20 {
        let waiting = tokio::spawn(async move {
            let piece = next(&mut body).await;
            (body, piece)
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
        go_on.notify_one();
        let (same, piece) = waiting.await.unwrap();
        assert_eq!(piece.unwrap(), "x");
        body = same;
    }
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn a_provider_that_breaks_off_is_noticed_after_what_came_before() {
    let (url, _) = server(|mut socket, _| async move {
        socket.write_all([CHUNKED, &chunks(["a", "b"]), "5\r\nab"].concat().as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        socket
    })
    .await;
    let mut body = get(&Client::new(), &url).await;
    let mut text = Vec::new();
    let error = loop {
        match timeout(LONG, body.frame()).await.unwrap() {
            Some(Ok(frame)) => text.extend_from_slice(&frame.into_data().unwrap()),
            end => break end,
        }
    };
    assert!(matches!(error, Some(Err(_))), "{error:?}");
    assert_eq!(text, b"abab");
}

/// Answers of all kinds, some of which are left in the middle, on connections that go from one to the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_forgotten_and_nobody_gets_what_is_not_theirs() {
    let (url, _) = server(|mut socket, path| async move {
        let parts: Vec<usize> = path.split('/').skip(1).map(|part| part.parse().unwrap()).collect();
        let word = format!("<{path}>");
        match parts[0] % 4 {
            0 => {
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{word}", word.len());
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
            1 => {
                let answer = [CHUNKED, &chunks([word.as_str(); 20]), "0\r\n\r\n"].concat();
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
            kind => {
                let _left = async {
                    socket.write_all(CHUNKED.as_bytes()).await?;
                    for _ in 0..20 {
                        socket.write_all(chunks([word.as_str()]).as_bytes()).await?;
                        if kind == 2 {
                            tokio::task::yield_now().await;
                        }
                    }
                    socket.write_all(b"0\r\n\r\n").await
                }
                .await;
            }
        }
        socket
    })
    .await;
    let client = Client::new();
    let tasks: Vec<_> = (0..24)
        .map(|task| {
            let (client, url) = (client.clone(), url.clone());
            tokio::spawn(async move {
                for round in 0..60 {
                    let path = format!("/{}/{task}/{round}", task + round);
                    let mut body = get(&client, &format!("{url}{path}")).await;
                    if round % 5 == 4 {
                        next(&mut body).await;
                        continue;
                    }
                    let text = timeout(LONG, body.collect()).await.unwrap().unwrap().to_bytes();
                    let times = if (task + round) % 4 == 0 { 1 } else { 20 };
                    assert_eq!(text, format!("<{path}>").repeat(times));
                }
            })
        })
        .collect();
    for task in tasks {
        timeout(LONG, task).await.unwrap().unwrap();
    }
}

/// Trailers end an answer: its connection serves the next one, also while whoever has read them keeps the body.
#[tokio::test]
async fn who_has_read_the_trailers_holds_no_connection() {
    let (url, connections) = server(|mut socket, _| async move {
        let answer = [CHUNKED, &chunks(["a"]), "0\r\nx-sum: 1\r\n\r\n"].concat();
        socket.write_all(answer.as_bytes()).await.unwrap();
        socket
    })
    .await;
    let client = Client::new();
    let mut first = get(&client, &url).await;
    assert_eq!(next(&mut first).await.unwrap(), "a");
    // The trailers are held back by now. The connection is in the pool.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = timeout(Duration::from_secs(2), get(&client, &url)).await.expect("nobody drives the connection");
    let second = timeout(LONG, second.collect()).await.unwrap().unwrap();
    assert_eq!(second.trailers().unwrap()["x-sum"], "1");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let trailers = first.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["x-sum"], "1");
}

/// A large request goes on being sent while the answer has begun, and nobody reads on.
#[tokio::test]
async fn a_request_is_sent_to_its_end_while_the_answer_waits_to_be_read() {
    const LARGE: usize = 24 << 20;
    let (go_on, received) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (url, _) = server({
        let (go_on, received) = (go_on.clone(), received.clone());
        move |mut socket, _| {
            let (go_on, received) = (go_on.clone(), received.clone());
            async move {
                socket.write_all([CHUNKED, &chunks(["a"])].concat().as_bytes()).await.unwrap();
                go_on.notified().await;
                let (mut left, mut buf) = (LARGE, vec![0; 64 << 10]);
                while left > 0 {
                    left -= socket.read(&mut buf).await.unwrap();
                }
                received.notify_one();
                socket.write_all(b"0\r\n\r\n").await.unwrap();
                socket
            }
        }
    })
    .await;
    let request = Request::post(url).body(Full::new(Bytes::from(vec![b'x'; LARGE]))).unwrap();
    let mut body = timeout(LONG, Client::new().oneshot(request)).await.unwrap().unwrap().into_body();
    assert_eq!(next(&mut body).await.unwrap(), "a");
    go_on.notify_one();
    timeout(Duration::from_secs(5), received.notified()).await.expect("the request was not sent on");
    assert_eq!(next(&mut body).await, None);
}

/// An answer that comes faster than it is read leaves others their turn.
#[tokio::test]
async fn a_fast_provider_leaves_others_their_turn() {
    let (url, stop) = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut socket, _) = listener.accept().unwrap();
            let mut byte = [0; 1024];
            let _head = socket.read(&mut byte).unwrap();
            socket.write_all(CHUNKED.as_bytes()).unwrap();
            let many = "1\r\na\r\n".repeat(100_000);
            for _ in 0..3 {
                if socket.write_all(many.as_bytes()).is_err() {
                    return;
                }
            }
            let _left = socket.write_all(b"0\r\n\r\n");
        });
        (url, thread)
    };
    let turns = Arc::new(AtomicUsize::new(0));
    let other = tokio::spawn({
        let turns = turns.clone();
        async move {
            loop {
                turns.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    let mut body = get(&Client::new(), &url).await;
    // Much is there already.
    std::thread::sleep(Duration::from_millis(300));
    let mut read = 0;
    let (mut most, mut since, mut turn) = (0, 0, 0);
    while let Some(piece) = next(&mut body).await {
        read += piece.len();
        let now = turns.load(Ordering::SeqCst);
        since = if now == turn { since + piece.len() } else { piece.len() };
        (most, turn) = (most.max(since), now);
    }
    other.abort();
    stop.join().unwrap();
    assert_eq!(read, 300_000);
    assert!(most <= 64 << 10, "{most} bytes without a turn for others");
}

/// Bytes of the answer came while the request was still going out.
#[tokio::test]
async fn half_a_head_is_an_answer_also_while_the_request_is_being_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buf = vec![0; 64 << 10];
        let _ = socket.read(&mut buf).await.unwrap();
        // Half a head.
        socket.write_all(b"HTTP/1.1 413 Payload Too Large\r\nx-billed: ").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        for _ in 0..64 {
            let _ = socket.read(&mut buf).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    });
    let request = Request::post(url).body(Full::new(Bytes::from(vec![b'x'; 24 << 20]))).unwrap();
    let error = timeout(LONG, Client::new().oneshot(request)).await.unwrap().map(|_| ()).unwrap_err();
    assert!(!error.is_unanswered(), "{error:?}");
}
