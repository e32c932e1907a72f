//! What the client asks of the runtime that it is on: turns, tasks and timers.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

/// Burns `units` of the task's budget before each poll of `inner`.
async fn burning<F: Future>(units: usize, inner: F) -> F::Output {
    let mut inner = pin!(inner);
    std::future::poll_fn(|cx| {
        for _ in 0..units {
            if pin!(tokio::task::consume_budget()).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        inner.as_mut().poll(cx)
    })
    .await
}

#[tokio::test]
async fn who_has_used_up_the_turn_of_a_task_is_woken_for_the_next() {
    let (url, _) = server(|mut socket, _| async move {
        socket.write_all([CHUNKED, &chunks(["a", "b", "c"]), "0\r\n\r\n"].concat().as_bytes()).await.unwrap();
        socket
    })
    .await;
    let mut hung = Vec::new();
    for units in 110..128 {
        let client = Client::new();
        let _warm = get(&client, &url).await.collect().await.unwrap();
        let asked = tokio::spawn({
            let (client, url) = (client.clone(), url.clone());
            async move {
                let request = Request::get(url).body(Full::new(Bytes::new())).unwrap();
                burning(units, client.oneshot(request)).await.map(|_| ())
            }
        });
        match timeout(Duration::from_secs(1), asked).await {
            Err(_) => hung.push(units),
            Ok(done) => done.unwrap().unwrap(),
        }
    }
    assert!(hung.is_empty(), "hung with {hung:?} of 128 units used by others");
}

fn in_time(what: impl FnOnce() + Send + 'static) -> &'static str {
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let _done = done;
        what();
    });
    match is_done.recv_timeout(Duration::from_secs(3)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => "deadlock",
        _ => {
            if thread.join().is_err() {
                "panicked"
            } else {
                "went on"
            }
        }
    }
}

fn poll_once(client: &Client) {
    let request = Request::get("http://127.0.0.1:1/").body(Full::new(Bytes::new())).unwrap();
    let mut asked = pin!(client.clone().oneshot(request));
    let _ = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

#[test]
fn without_a_runtime_nobody_hangs() {
    assert_ne!(in_time(|| poll_once(&Client::new())), "deadlock");
}

#[test]
fn nor_on_a_runtime_that_is_shut_down() {
    let end = in_time(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        let _entered = handle.enter();
        poll_once(&Client::new());
    });
    assert_ne!(end, "deadlock");
}

/// A known host is not swept any more when the runtime of the sweeper is gone.
#[test]
fn a_second_runtime_closes_what_is_unused() {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let servers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let closed = Arc::new(AtomicUsize::new(0));
    let seen = closed.clone();
    let (url, _) = servers.block_on(server(move |mut socket, _| {
        let closed = closed.clone();
        async move {
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na").await.unwrap();
            let _ = socket.read(&mut [0]).await;
            closed.fetch_add(1, Ordering::SeqCst);
            socket
        }
    }));
    let client = Client::builder().pool_idle_timeout(Duration::from_millis(30)).build();
    build().block_on(async { get(&client, &url).await.collect().await.unwrap() });
    let second = build();
    let n = second.block_on(async {
        get(&client, &url).await.collect().await.unwrap();
        tokio::time::sleep(Duration::from_millis(800)).await;
        seen.load(Ordering::SeqCst)
    });
    assert_eq!(n, 2, "the second connection is kept for ever");
}
