//! A mock on a real socket.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tower_service::Service;

use super::Mock;

/// How long a connection may write before the body breaks it; hyper drops what it has not written by then.
const FLUSH: Duration = Duration::from_millis(20);

impl Mock {
    /// Listens on a free port of 127.0.0.1, with HTTP/1.1 and, for those who begin with it, HTTP/2.
    ///
    /// Must be called in a tokio runtime with I/O and time. A transport error of the script closes the connection: without
    /// a byte for [`Answer::refuse`](super::Answer::refuse), in the middle of the body for
    /// [`Answer::cut_after`](super::Answer::cut_after). Over HTTP/2 it resets the stream instead.
    ///
    /// ```
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    /// use tower_completions::mock::{Answer, Mock};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let mock = Mock::anthropic();
    /// mock.answer(Answer::error(529));
    /// let upstream = mock.listen().await.unwrap();
    ///
    /// let mut socket = tokio::net::TcpStream::connect(upstream.addr()).await.unwrap();
    /// let request = b"POST /v1/messages HTTP/1.1\r\nhost: mock\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    /// socket.write_all(request).await.unwrap();
    /// let mut answer = String::new();
    /// socket.read_to_string(&mut answer).await.unwrap();
    /// assert!(answer.starts_with("HTTP/1.1 529") && answer.contains("overloaded_error"));
    /// # });
    /// ```
    pub async fn listen(&self) -> io::Result<Listening> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(accept(listener, self.clone(), connections.clone()));
        Ok(Listening { addr, connections, task })
    }
}

/// A mock that listens. Dropped, it lets go of its port and of every connection.
#[derive(Debug)]
#[must_use = "the mock listens only as long as this lives"]
pub struct Listening {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Listening {
    /// The address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`, without a path.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Shuts down, and returns when the port refuses connections.
    pub async fn close(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Owns the connections, so that they end with it.
async fn accept(listener: TcpListener, mock: Mock, count: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    count.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(serve(stream, mock.clone()));
                }
                // Out of file descriptors, most likely: there is nothing to do but wait for one.
                Err(_) => tokio::time::sleep(FLUSH).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection. Its errors are what the script wanted, or the client's.
async fn serve(stream: TcpStream, mock: Mock) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let answer = mock.clone().call(request);
        async move { Ok::<_, io::Error>(answer.await?.map(|body| body.flushing(FLUSH))) }
    });
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use http_body_util::{BodyExt, Full};
    use hyper_util::client::legacy::Client;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::super::testing::{events, hello, with};
    use super::super::{Answer, Chunking};
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn request(upstream: &Listening, body: serde_json::Value) -> Request<Full<Bytes>> {
        let uri = format!("{}/v1/chat/completions", upstream.base_url());
        Request::post(uri).body(Full::from(body.to_string())).unwrap()
    }

    fn client(http2: bool) -> Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>> {
        Client::builder(TokioExecutor::new()).http2_only(http2).build_http()
    }

    /// Sends a request on a raw socket.
    async fn raw(upstream: &Listening) -> TcpStream {
        let mut socket = TcpStream::connect(upstream.addr()).await.unwrap();
        let body = hello().to_string();
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        socket.write_all((head + &body).as_bytes()).await.unwrap();
        socket
    }

    #[tokio::test]
    async fn a_client_gets_answers_and_streams() {
        for http2 in [false, true] {
            let mock = Mock::openai();
            let upstream = mock.listen().await.unwrap();
            let client = client(http2);
            let response = client.request(request(&upstream, hello())).await.unwrap();
            assert!(response.headers().contains_key("content-length"));
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap()["model"], "some-model");

            mock.answer(Answer::echo().chunked(Chunking::Bytes(5)));
            let stream = with(hello(), serde_json::json!({"stream": true}));
            let response = client.request(request(&upstream, stream)).await.unwrap();
            assert!(!response.headers().contains_key("content-length"));
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(events(&body).last().unwrap().1, "[DONE]");
            assert_eq!((mock.received(), mock.in_flight(), mock.dropped(), upstream.connections()), (2, 0, 0, 1));
        }
    }

    #[tokio::test]
    async fn a_refusal_closes_without_a_byte() {
        let mock = Mock::openai();
        mock.answer(Answer::refuse());
        let upstream = mock.listen().await.unwrap();
        let mut answer = Vec::new();
        raw(&upstream).await.read_to_end(&mut answer).await.unwrap();
        assert!(answer.is_empty());
    }

    #[tokio::test]
    async fn a_cut_arrives_after_the_bytes_before_it() {
        let mock = Mock::openai();
        mock.answer(Answer::sse("data: 1\n\ndata: 2\n\n").cut_after(12))
            .answer(Answer::json(200, "[1,2,3]").cut_after(3));
        let upstream = mock.listen().await.unwrap();

        let mut answer = String::new();
        raw(&upstream).await.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.contains("transfer-encoding: chunked") && answer.ends_with("9\r\ndata: 1\n\n\r\n3\r\ndat\r\n"),
            "{answer}"
        );

        let mut answer = String::new();
        raw(&upstream).await.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("content-length: 7") && answer.ends_with("\r\n\r\n[1,"), "{answer}");
        assert_eq!((mock.in_flight(), mock.dropped()), (0, 0));
    }

    #[tokio::test]
    async fn over_http_2_a_cut_resets_the_stream_and_a_refusal_too() {
        let mock = Mock::openai();
        mock.answer(Answer::sse("data: 1\n\ndata: 2\n\n").cut_after(12)).answer(Answer::refuse());
        let upstream = mock.listen().await.unwrap();
        let client = client(true);
        let mut body = client.request(request(&upstream, hello())).await.unwrap().into_body();
        let mut seen = Vec::new();
        let error = loop {
            match body.frame().await.unwrap() {
                Ok(frame) => seen.extend(frame.into_data().unwrap()),
                Err(error) => break error,
            }
        };
        assert_eq!(seen, b"data: 1\n\ndat", "{error}");
        assert!(client.request(request(&upstream, hello())).await.is_err());
        assert_eq!((mock.received(), mock.in_flight(), mock.dropped()), (2, 0, 0));
    }

    #[tokio::test]
    async fn an_early_end_is_in_order() {
        let mock = Mock::openai();
        mock.answer(Answer::json(200, "[1,2,3]").end_after(3));
        let upstream = mock.listen().await.unwrap();
        let response = client(false).request(request(&upstream, hello())).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "[1,");
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_noticed() {
        let silent = Answer::text("x").delay_head(Duration::MAX);
        let stalled = Answer::sse("data: 1\n\n").stall_after(9);
        for http2 in [false, true] {
            for answer in [&silent, &stalled] {
                let mock = Mock::openai();
                mock.answer(answer.clone());
                let upstream = mock.listen().await.unwrap();
                let task = tokio::spawn(client(http2).request(request(&upstream, hello())));
                mock.wait_for_requests(1).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert_eq!((mock.in_flight(), mock.dropped()), (1, 0));
                task.abort();
                drop(task.await);
                timeout(SOON, mock.wait_for_drop()).await.unwrap();
                assert_eq!(mock.in_flight(), 0);
            }
        }
    }

    #[tokio::test]
    async fn dropping_the_listener_drops_everything() {
        for http2 in [false, true] {
            let mock = Mock::openai();
            mock.always(Answer::sse("data: 1\n\n").stall_after(9));
            let upstream = mock.listen().await.unwrap();
            let addr = upstream.addr();
            let mut body = client(http2).request(request(&upstream, hello())).await.unwrap().into_body();
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data: 1\n\n");
            drop(upstream);
            assert!(timeout(SOON, body.frame()).await.unwrap().unwrap().is_err());
            timeout(SOON, mock.wait_for_drop()).await.unwrap();
            assert_eq!(mock.in_flight(), 0);
            assert!(TcpStream::connect(addr).await.is_err());
        }
    }

    #[tokio::test]
    async fn closing_frees_the_port_at_once() {
        let upstream = Mock::anthropic().listen().await.unwrap();
        let addr = upstream.addr();
        upstream.close().await;
        assert!(TcpStream::connect(addr).await.is_err());
    }
}
