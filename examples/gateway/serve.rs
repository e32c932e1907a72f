//! The server around the stack: HTTP/1.1 and HTTP/2 without TLS, with a limit to every wait.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tower::util::Oneshot;

use super::reload::Exchange;
use super::stack::Gateway;

/// How many connections there may be at most; more wait to be accepted.
const CONNECTIONS: usize = 20_000;
/// How many open files are for anything else.
const SPARE_FILES: usize = 32;
/// How long a client may take for the head of a request, and so how long an idle HTTP/1.1 connection is kept.
const HEAD: Duration = Duration::from_secs(30);
/// How large the head of a request may be, in bytes.
const HEAD_SIZE: u32 = 64 << 10;
/// How many requests one HTTP/2 connection may have in progress.
const STREAMS: u32 = 250;
/// How long what was cut off has to reach its client.
const LAST_WORD: Duration = Duration::from_secs(2);

/// How serving ends.
pub(crate) struct End<Stop, Hurry> {
    /// No more requests.
    pub(crate) stop: Stop,
    /// No more waiting.
    pub(crate) hurry: Hurry,
    /// How long answers in progress may take to end.
    pub(crate) bound: watch::Receiver<Duration>,
    /// Tells those that have not ended by then that they have to.
    pub(crate) cut: watch::Sender<bool>,
}

/// Serves until told to stop, and then until the answers in progress have ended, within bounds.
pub(crate) async fn serve<S: Gateway<Incoming>>(
    listener: TcpListener,
    stack: Exchange<S>,
    end: End<impl Future<Output = ()>, impl Future<Output = ()>>,
) {
    let (closing, open) = watch::channel(());
    let server = Arc::new(Server::new(open));
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(connections()));
    let mut stop = pin!(end.stop);
    loop {
        let accepted = async {
            let permit = permits.clone().acquire_owned().await;
            (accept(&listener).await, permit)
        };
        tokio::select! {
            _ = &mut stop => break,
            (stream, permit) = accepted => match stream {
                Ok(stream) => {
                    let (server, stack, watcher) = (server.clone(), stack.clone(), graceful.watcher());
                    tokio::spawn(async move {
                        server.connection(stream, stack, watcher).await;
                        drop(permit);
                    });
                }
                // A client that left already, or no file descriptor to be had: others may be luckier in a moment.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop((listener, closing));
    let mut ended = pin!(graceful.shutdown());
    let bound = *end.bound.borrow();
    tokio::select! {
        () = &mut ended => return,
        () = sleep(bound) => {}
        () = end.hurry => {}
    }
    end.cut.send_replace(true);
    let _ = timeout(LAST_WORD, ended).await;
}

/// How many connections the process can have: an answer needs a second one, to its provider. Where nobody knows, as many as
/// there may be.
fn connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
    files.map_or(CONNECTIONS, |files: usize| (files.saturating_sub(SPARE_FILES) / 2).clamp(1, CONNECTIONS))
}

/// The next connection. Without `TCP_NODELAY` the first token of a stream waits 40 ms for the client to acknowledge the head.
async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What is the same for all connections.
struct Server {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    /// Closed when no more is asked.
    open: watch::Receiver<()>,
}

impl Server {
    fn new(open: watch::Receiver<()>) -> Self {
        let (mut http1, mut http2) = (http1::Builder::new(), http2::Builder::new(TokioExecutor::new()));
        http1.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_SIZE as usize);
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10))
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_SIZE);
        Self { http1, http2, open }
    }

    /// One connection, to its end. What goes wrong on it is the client's affair.
    ///
    /// Each connection is in a box of its own kind, and so is each answer: ten thousand open streams are a matter of how
    /// large these are. hyper-util's own choice between the two would double the buffer that it reads into.
    async fn connection<S: Gateway<Incoming>>(&self, stream: TcpStream, stack: Exchange<S>, watcher: Watcher) {
        let mut open = self.open.clone();
        let is_http2 = tokio::select! {
            spoken = timeout(HEAD, speaks_http2(&stream)) => spoken,
            _ = open.changed() => return,
        };
        let Ok(Ok(is_http2)) = is_http2 else { return };
        drop(open);
        let asked = Arc::new(AtomicBool::new(false));
        let (io, service) = (TokioIo::new(stream), Answers { stack, asked: asked.clone() });
        if is_http2 {
            Box::pin(to_the_end(watcher.watch(self.http2.serve_connection(io, service)), asked)).await;
        } else {
            Box::pin(to_the_end(watcher.watch(self.http1.serve_connection(io, service)), asked)).await;
        }
    }
}

/// What answers the requests of one connection, each with the stack that is there when it comes.
struct Answers<S> {
    stack: Exchange<S>,
    /// Whether there were any.
    asked: Arc<AtomicBool>,
}

impl<S: Gateway<Incoming>> Service<Request<Incoming>> for Answers<S> {
    type Response = Response<S::Body>;
    type Error = Infallible;
    type Future = Pin<Box<Oneshot<S, Request<Incoming>>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.asked.store(true, Ordering::Relaxed);
        Box::pin(self.stack.get().oneshot(request))
    }
}

/// Looks at the first bytes, and leaves them where they are: no request of HTTP/1.1 begins like a connection of HTTP/2.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut seen = [0; PREFACE.len()];
    loop {
        match stream.peek(&mut seen).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length if !PREFACE.starts_with(&seen[..length]) => return Ok(false),
            length if length == PREFACE.len() => return Ok(true),
            // The same bytes would be seen again at once.
            _ => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// The clock of hyper starts when it has begun to read, so a silent connection needs a clock of ours.
async fn to_the_end(connection: impl Future, asked: Arc<AtomicBool>) {
    let (mut connection, mut silence) = (pin!(connection), pin!(sleep(HEAD)));
    poll_fn(|cx| match connection.as_mut().poll(cx) {
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending if asked.load(Ordering::Relaxed) => Poll::Pending,
        Poll::Pending => silence.as_mut().poll(cx),
    })
    .await;
}

/// Completes when the process was told to stop so many times. From the call on, not from the first poll, a signal counts.
#[cfg(unix)]
pub(crate) fn told_to_stop(times: usize) -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        for _ in 0..times {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        }
    })
}

/// Completes when the process was told to stop so many times.
#[cfg(not(unix))]
pub(crate) fn told_to_stop(times: usize) -> io::Result<impl Future<Output = ()>> {
    Ok(async move {
        for _ in 0..times {
            let _ = tokio::signal::ctrl_c().await;
        }
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
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
    fn slow(delay: Duration) -> Exchange<impl Gateway<Incoming>> {
        Exchange::new(tower::service_fn(move |request: Request<Incoming>| async move {
            let length = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
            sleep(delay).await;
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(length.to_string()))))
        }))
    }

    /// An end with time enough, if it is ever told to stop.
    fn end(stop: impl Future<Output = ()>) -> End<impl Future<Output = ()>, impl Future<Output = ()>> {
        let (bound, cut) = (watch::channel(Duration::from_secs(25)).1, watch::channel(false).0);
        End { stop, hurry: std::future::pending(), bound, cut }
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
        let server =
            tokio::spawn(serve(listener, slow(Duration::from_millis(200)), end(async move { drop(stopped.await) })));
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
            tokio::spawn(serve(listener, slow(Duration::ZERO), end(std::future::pending())));
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(head.as_bytes()).await.unwrap();
            sleep(Duration::from_millis(50)).await;
            tokio::time::pause();
            sleep(HEAD * 4).await;
            tokio::time::resume();
            let read = timeout(Duration::from_secs(10), client.read_to_end(&mut Vec::new())).await;
            assert!(read.is_ok(), "{head:?} is kept for ever");
        }
    }

    #[tokio::test]
    async fn slow_sockets_do_not_keep_others_out() {
        let (listener, address) = listener().await;
        tokio::spawn(serve(listener, slow(Duration::ZERO), end(std::future::pending())));
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
