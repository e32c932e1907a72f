//! Clients that leave, over real sockets: the provider is let go at once, whatever it is doing, and nobody else feels it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use support::{DONE, SECOND, SOON, STREAM, ask, models, openai, post, read, says, stops};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_completions::client::Client;
use tower_completions::mock::{Answer, Mock};
use tower_completions::{BoxError, ChatLayer, KeepAliveLayer, ShedLayer, TimeoutLayer};

/// A service on a socket, for HTTP/1.1 and HTTP/2; how many connections it had.
struct Served {
    base_url: String,
    connections: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Served {
    async fn of<S, B>(service: S) -> Self
    where
        S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let task = tokio::spawn(async move {
            let mut serving = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                socket.set_nodelay(true).unwrap();
                let service = TowerToHyperService::new(service.clone());
                serving.spawn(async move {
                    let mut server = auto::Builder::new(TokioExecutor::new());
                    server.http2().max_concurrent_streams(1_000);
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { base_url, connections, task: task.abort_handle() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn client(http2: bool) -> Client {
    let builder = Client::builder();
    if http2 { builder.http2_prior_knowledge().build() } else { builder.build() }
}

/// What the provider does when the client leaves, whether a stream was asked for, and whether the client has had something.
fn stages() -> [(&'static str, Answer, bool, bool); 6] {
    let story = "Once upon a time there was a gateway. ";
    [
        ("before the head of a whole answer", Answer::echo().delay_head(Duration::MAX), false, false),
        ("before the head of a stream", Answer::echo().delay_head(Duration::MAX), true, false),
        ("in half a whole answer", Answer::text(story.repeat(20)).stall_after(300), false, false),
        ("before the first event", Answer::sse(": wait\n\n").stall_after(8), true, false),
        ("while it is silent", Answer::text(story).stall_after(700), true, true),
        ("while it talks", Answer::text(story.repeat(200)).delay_frames(Duration::from_millis(10)), true, true),
    ]
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_provider_within_a_second() {
    for (client_http2, upstream_http2) in [(false, false), (false, true), (true, false), (true, true)] {
        let mock = Mock::openai();
        let upstream = mock.listen().await.unwrap();
        let minute = Duration::from_secs(60);
        let timeouts = TimeoutLayer::new().first_byte(minute).first_token(minute).idle(minute).total(minute * 60);
        let model = timeouts.layer(openai(&format!("{}/v1", upstream.base_url()), client(upstream_http2)));
        let shed = ShedLayer::new(1);
        let chat = KeepAliveLayer::new(minute).layer(ChatLayer::new().layer(models(model)));
        let gateway = Served::of(shed.layer(chat)).await;
        for (stage, answer, stream, begins) in stages() {
            // A machine that is busy with other things may be late once, but not three times.
            let mut quickest = Duration::MAX;
            for _ in 0..3 {
                mock.answer(answer.clone());
                let received = mock.received();
                let mut request = post(ask(if stream { STREAM } else { "" }));
                *request.uri_mut() = format!("{}/v1/chat/completions", gateway.base_url).parse().unwrap();
                let (told, mut begun) = mpsc::channel(1);
                let client = client(client_http2);
                let asking = tokio::spawn(async move {
                    let mut body = client.oneshot(request).await.unwrap().into_body();
                    body.frame().await.unwrap().unwrap();
                    let _ = told.send(()).await;
                    while body.frame().await.is_some() {}
                });
                timeout(SOON, mock.wait_for_requests(received + 1)).await.unwrap();
                if begins {
                    timeout(SOON, begun.recv()).await.unwrap().expect(stage);
                } else {
                    sleep(Duration::from_millis(20)).await;
                }
                assert_eq!((mock.in_flight(), shed.in_flight()), (1, 1), "{stage}");
                let begin = Instant::now();
                asking.abort();
                timeout(SOON, mock.wait_for_drop()).await.expect(stage);
                while shed.in_flight() > 0 {
                    assert!(begin.elapsed() < SOON, "{stage}");
                    tokio::task::yield_now().await;
                }
                quickest = quickest.min(begin.elapsed());
                if quickest < SECOND {
                    break;
                }
            }
            assert!(quickest < SECOND, "{stage}: {quickest:?}, HTTP/2 {client_http2} and {upstream_http2}");
            assert_eq!(mock.in_flight(), 0, "{stage}");
        }
    }
}

/// Counts the answers in progress.
#[derive(Clone, Default)]
struct InFlight(Arc<AtomicUsize>);

struct One(InFlight);

impl InFlight {
    fn one(&self) -> One {
        self.0.fetch_add(1, Ordering::SeqCst);
        One(self.clone())
    }

    async fn wait_for(&self, count: usize) {
        let reached = async {
            while self.0.load(Ordering::SeqCst) != count {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let now = || format!("{} in progress, not {count}", self.0.load(Ordering::SeqCst));
        timeout(SOON * 3, reached).await.unwrap_or_else(|_| panic!("{}", now()));
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a provider on one HTTP/2 connection says is the test's own for some users; `silent` gets no head, and all others a flood.
type Streams = Arc<Mutex<HashMap<String, mpsc::Receiver<Bytes>>>>;

async fn provider(in_flight: InFlight, streams: Streams) -> Served {
    Served::of(service_fn(move |request: Request<hyper::body::Incoming>| {
        let (one, streams) = (in_flight.one(), streams.clone());
        async move {
            let asked = request.into_body().collect().await.unwrap().to_bytes();
            let asked = String::from_utf8(asked.to_vec()).unwrap();
            let user = asked.split(r#""user":""#).nth(1).and_then(|rest| rest.split('"').next());
            let own = user.and_then(|user| streams.lock().unwrap().remove(user));
            let frames = match own {
                Some(own) => ReceiverStream::new(own).boxed(),
                None if user == Some("silent") => std::future::pending().await,
                None => tokio_stream::iter(std::iter::repeat_n(Bytes::from(says("again")), 1 << 20)).boxed(),
            };
            let frames = frames.map(move |bytes| {
                let _ = &one;
                Ok::<_, Infallible>(Frame::data(bytes))
            });
            let response = Response::builder().header("content-type", "text/event-stream");
            Ok(response.body(StreamBody::new(frames)).unwrap())
        }
    }))
    .await
}

/// Gives a stream a type without a name.
trait Boxed: tokio_stream::Stream<Item = Bytes> + Send + Sized + 'static {
    fn boxed(self) -> std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Bytes> + Send>> {
        Box::pin(self)
    }
}

impl<S: tokio_stream::Stream<Item = Bytes> + Send + 'static> Boxed for S {}

#[tokio::test]
async fn five_thousand_cancels_leave_a_stream_on_the_same_connection_alone() {
    const CANCELS: usize = 5_000;
    const AT_ONCE: usize = 100;
    let (in_flight, streams) = (InFlight::default(), Streams::default());
    let (survivor, of_survivor) = mpsc::channel(1);
    streams.lock().unwrap().insert("survivor".to_owned(), of_survivor);
    let upstream = provider(in_flight.clone(), streams).await;
    let model = openai(&format!("{}/v1", upstream.base_url), client(true));
    let chat = ChatLayer::new().layer(models(model));

    survivor.send(Bytes::from(says("one"))).await.unwrap();
    let surviving = chat.clone().oneshot(post(ask(r#","stream":true,"user":"survivor""#))).await.unwrap();
    let mut surviving = pin!(surviving.into_body());
    assert_eq!(surviving.frame().await.unwrap().unwrap().into_data().unwrap(), says("one"));
    for _ in 0..CANCELS / AT_ONCE {
        let mut asking = JoinSet::new();
        for at in 0..AT_ONCE {
            let user = if at % 2 == 0 { "silent" } else { "flood" };
            let answer = chat.clone().oneshot(post(ask(&format!(r#"{STREAM},"user":"{user}""#))));
            // Whoever gets an answer reads a little and leaves; the others leave when all have been heard.
            asking.spawn(async move {
                let answer = answer.await.unwrap();
                assert_eq!(answer.status(), 200);
                let mut body = pin!(answer.into_body());
                body.frame().await.unwrap().unwrap();
            });
        }
        for _ in 0..AT_ONCE / 2 {
            timeout(SOON * 3, asking.join_next()).await.unwrap().unwrap().unwrap();
        }
        in_flight.wait_for(1 + AT_ONCE / 2).await;
        asking.shutdown().await;
        in_flight.wait_for(1).await;
    }
    for piece in [says("two"), stops(0), DONE.to_owned()] {
        survivor.send(Bytes::from(piece.clone())).await.unwrap();
        assert_eq!(surviving.frame().await.unwrap().unwrap().into_data().unwrap(), piece);
    }
    assert!(surviving.frame().await.is_none());
    assert_eq!(upstream.connections.load(Ordering::Relaxed), 1, "all of it was on one connection");
}

#[tokio::test]
async fn clients_that_read_nothing_leave_the_streams_on_their_connection_alone() {
    let (in_flight, streams) = (InFlight::default(), Streams::default());
    let (survivor, of_survivor) = mpsc::channel(1);
    streams.lock().unwrap().insert("survivor".to_owned(), of_survivor);
    let upstream = provider(in_flight.clone(), streams).await;
    let chat = ChatLayer::new().layer(models(openai(&format!("{}/v1", upstream.base_url), client(true))));
    survivor.send(Bytes::from(says("one"))).await.unwrap();
    let surviving = chat.clone().oneshot(post(ask(r#","stream":true,"user":"survivor""#))).await.unwrap();
    let mut unread = Vec::new();
    for _ in 0..20 {
        let response = chat.clone().oneshot(post(ask(STREAM))).await.unwrap();
        assert_eq!(response.status(), 200);
        unread.push(response);
    }
    // Each fills its window meanwhile, with frames of one token.
    sleep(Duration::from_millis(500)).await;
    for piece in [says("two"), stops(0), DONE.to_owned()] {
        survivor.send(Bytes::from(piece)).await.unwrap();
    }
    let answer = timeout(SOON, read(surviving)).await.unwrap();
    assert_eq!(answer.text(), format!("{}{}{}{DONE}", says("one"), says("two"), stops(0)));
    in_flight.wait_for(20).await;
    assert_eq!(upstream.connections.load(Ordering::Relaxed), 1);
    drop(unread);
    in_flight.wait_for(0).await;
}
