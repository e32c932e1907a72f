//! The server around the stack: HTTP/1.1 and HTTP/2 without TLS, with a limit to every wait.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::stack::Gateway;

/// How many connections there may be; more wait to be accepted.
const CONNECTIONS: usize = 10_000;
/// How long a client may take for the head of a request, and so how long an idle HTTP/1.1 connection is kept.
const HEAD: Duration = Duration::from_secs(30);
/// How large the head of a request may be, in bytes.
const HEAD_SIZE: u32 = 64 << 10;
/// How many requests one HTTP/2 connection may have in progress.
const STREAMS: u32 = 250;
/// How long answers may take to end once the gateway is told to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// Serves until told to stop, and then until the answers in progress have ended, within bounds.
pub(crate) async fn serve<S: Gateway<Incoming>>(listener: TcpListener, stack: S, stop: impl Future) {
    let server = server();
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            let permit = permits.clone().acquire_owned().await;
            (accept(&listener).await, permit)
        };
        tokio::select! {
            _ = &mut stop => break,
            (stream, permit) = accepted => match stream {
                Ok(stream) => {
                    let connection = connection(server.clone(), stream, stack.clone(), graceful.watcher());
                    tokio::spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                // A client that left already, or no file descriptor to be had: others may be luckier in a moment.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    let _ = timeout(DRAIN, graceful.shutdown()).await;
}

/// The next connection. Without `TCP_NODELAY` the first token of a stream waits 40 ms for the client to acknowledge the head.
async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn server() -> Builder<TokioExecutor> {
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_SIZE as usize);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_SIZE);
    server
}

/// One connection, to its end. What goes wrong on it is the client's affair.
///
/// The clock of hyper starts when it knows which HTTP is spoken, so a silent socket needs a clock of ours.
async fn connection<S: Gateway<Incoming>>(
    server: Builder<TokioExecutor>,
    stream: TcpStream,
    stack: S,
    watcher: Watcher,
) {
    let asked = Arc::new(AtomicBool::new(false));
    let service = stack.map_request({
        let asked = asked.clone();
        move |request| {
            asked.store(true, Ordering::Relaxed);
            request
        }
    });
    let connection = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
    let mut connection = pin!(watcher.watch(connection));
    let ended = timeout(HEAD, &mut connection).await.is_ok();
    if !ended && asked.load(Ordering::Relaxed) {
        let _ = connection.await;
    }
}

/// Completes when the process is told to stop. From the call on, not from the first poll, a signal counts.
#[cfg(unix)]
pub(crate) fn told_to_stop() -> io::Result<impl Future> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

/// Completes when the process is told to stop.
#[cfg(not(unix))]
pub(crate) fn told_to_stop() -> io::Result<impl Future> {
    Ok(tokio::signal::ctrl_c())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::{BodyExt, Full};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    async fn listener() -> (TcpListener, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// Says how long the request's body was, after a time.
    fn slow(delay: Duration) -> impl Gateway<Incoming> {
        tower::service_fn(move |request: Request<Incoming>| async move {
            let length = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
            sleep(delay).await;
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(length.to_string()))))
        })
    }

    #[tokio::test]
    async fn accepted_sockets_do_not_delay_small_packets() {
        let (listener, address) = listener().await;
        let (accepted, _client) = tokio::join!(accept(&listener), TcpStream::connect(address));
        assert!(accepted.unwrap().nodelay().unwrap());
    }

    #[tokio::test]
    async fn answers_in_progress_end_before_the_server_does() {
        let (listener, address) = listener().await;
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, slow(Duration::from_millis(200)), stopped));
        let mut idle = TcpStream::connect(address).await.unwrap();
        let mut busy = TcpStream::connect(address).await.unwrap();
        busy.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        let mut answer = String::new();
        busy.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("\r\n\r\n3"), "{answer}");
        timeout(Duration::from_secs(5), server).await.unwrap().unwrap();
        assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
        assert!(TcpStream::connect(address).await.is_err());
    }

    /// The clock is paused, so that 30 seconds are none; what is on its way through the kernel gets real time.
    #[tokio::test]
    async fn slow_heads_are_cut_off() {
        for head in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nhost: x\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
        {
            let (listener, address) = listener().await;
            tokio::spawn(serve(listener, slow(Duration::ZERO), std::future::pending::<()>()));
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(head.as_bytes()).await.unwrap();
            sleep(Duration::from_millis(50)).await;
            tokio::time::pause();
            let read = timeout(HEAD * 4, client.read_to_end(&mut Vec::new())).await;
            tokio::time::resume();
            assert!(read.is_ok(), "{head:?} is kept for ever");
        }
    }

    #[tokio::test]
    async fn slow_sockets_do_not_keep_others_out() {
        let (listener, address) = listener().await;
        tokio::spawn(serve(listener, slow(Duration::ZERO), std::future::pending::<()>()));
        let mut sockets = Vec::new();
        for _ in 0..200 {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(b"POST / HTTP/1.1\r\nhost:").await.unwrap();
            sockets.push(socket);
        }
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        timeout(Duration::from_secs(5), client.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
