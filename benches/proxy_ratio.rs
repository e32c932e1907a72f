//! What the whole stack costs, as a multiple of a bare hyper reverse proxy that reads no body.
//!
//! `cargo bench --bench proxy_ratio` runs a mock upstream, the bare proxy and the stack in one process, each on a thread
//! of its own, sends the same requests through both in turn, and compares the CPU time of the two threads. Ratios of one
//! run are comparable; absolute times on a shared machine are not.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

mod support;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::mpsc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_completions::client::Client;
use tower_completions::translate::{Anthropic, OpenAi};
use tower_completions::{AuthLayer, ChatLayer, Endpoint, Key, MemoryKeys, Model, ModelRouter, TranslateLayer};

const ROUNDS: usize = 15;
const CONNECTIONS: usize = 8;
const EVENTS: usize = 200;

fn main() {
    let upstream = spawn("upstream", upstream);
    let bare = spawn("bare", move |listener| bare(listener, upstream.addr));
    let stack = spawn("stack", move |listener| stack(listener, upstream.addr));
    println!("{:<28} {:>12} {:>12} {:>7}", "scenario", "bare µs", "stack µs", "ratio");
    for scenario in scenarios() {
        scenario.run(&bare, &stack);
    }
}

/// A server on a thread of its own, whose CPU time can be read.
#[derive(Clone, Copy)]
struct Server {
    addr: SocketAddr,
    thread: u32,
}

impl Server {
    /// CPU nanoseconds of the thread so far.
    fn cpu(&self) -> u64 {
        let path = format!("/proc/self/task/{}/schedstat", self.thread);
        std::fs::read_to_string(path).unwrap().split(' ').next().unwrap().parse().unwrap()
    }
}

fn spawn<F: Future<Output = ()>>(name: &str, serve: impl FnOnce(TcpListener) -> F + Send + 'static) -> Server {
    let (send, receive) = mpsc::channel();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let link = std::fs::read_link("/proc/thread-self").unwrap();
            let thread = link.file_name().unwrap().to_str().unwrap().parse().unwrap();
            send.send(Server { addr: listener.local_addr().unwrap(), thread }).unwrap();
            serve(listener).await;
        });
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).unwrap();
    receive.recv().unwrap()
}

async fn accept(listener: TcpListener, serve: impl Fn(TokioIo<tokio::net::TcpStream>)) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        serve(TokioIo::new(stream));
    }
}

/// Answers both protocols, whole and streamed, by the path and the accept header alone.
async fn upstream(listener: TcpListener) {
    let openai = (support::openai::answer(), support::openai::stream(EVENTS));
    let anthropic = (support::anthropic::answer(), support::anthropic::stream(EVENTS));
    let answer = move |request: Request<Incoming>| {
        let (whole, stream) = if request.uri().path().ends_with("messages") { &anthropic } else { &openai };
        let streamed =
            request.headers().get("x-stream").is_some() || request.headers()["accept"] == "text/event-stream";
        let (body, kind) =
            if streamed { (stream.clone(), "text/event-stream") } else { (whole.clone(), "application/json") };
        async move {
            let _read = request.into_body().collect().await;
            let mut response = Response::new(Full::new(body));
            response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
            Ok::<_, Infallible>(response)
        }
    };
    accept(listener, move |io| {
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(io, service_fn(answer.clone()));
        tokio::spawn(connection);
    })
    .await;
}

/// The floor: a pooled client behind a server, bodies unread.
async fn bare(listener: TcpListener, upstream: SocketAddr) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Legacy<_, Incoming> = Legacy::builder(TokioExecutor::new()).build(connector);
    let proxy = move |mut request: Request<Incoming>| {
        let path = request.uri().path_and_query().unwrap().as_str();
        *request.uri_mut() = format!("http://{upstream}{path}").parse::<Uri>().unwrap();
        let client = client.clone();
        async move { client.request(request).await }
    };
    accept(listener, move |io| {
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(io, service_fn(proxy.clone()));
        tokio::spawn(connection);
    })
    .await;
}

/// The full stack of the example gateway.
async fn stack(listener: TcpListener, upstream: SocketAddr) {
    let client = Client::new();
    let openai = OpenAi::new(&format!("http://{upstream}/v1")).unwrap().key("provider-secret").unwrap();
    let anthropic = Anthropic::new(&format!("http://{upstream}")).unwrap().key("provider-secret").unwrap();
    let openai = ServiceBuilder::new().layer(TranslateLayer::new(openai)).service(client.clone());
    let anthropic = ServiceBuilder::new().layer(TranslateLayer::new(anthropic)).service(client);
    let router = ModelRouter::new([
        Model::new("openai", openai).upstream("mock-openai-1"),
        Model::new("anthropic", anthropic).upstream("mock-anthropic-1"),
    ]);
    let models = router.models();
    let chat = ServiceBuilder::new().layer(ChatLayer::new()).service(router);
    let keys = MemoryKeys::from_keys([Key::new("alice", "sk-test-alice").unwrap()]).unwrap();
    let service = ServiceBuilder::new().layer(AuthLayer::new(keys)).service(Endpoint::new(chat, models));
    accept(listener, move |io| {
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
    })
    .await;
}

struct Scenario {
    name: &'static str,
    size: usize,
    stream: bool,
    model: &'static str,
    requests: usize,
}

fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (model, names) in [
        ("openai", ["unary 455 B", "unary 63 KB", "stream of 200 events"]),
        ("anthropic", ["unary 455 B to Anthropic", "unary 63 KB to Anthropic", "stream from Anthropic"]),
    ] {
        for (name, size, stream, requests) in
            [(names[0], 455, false, 2000), (names[1], 63_000, false, 500), (names[2], 455, true, 200)]
        {
            all.push(Scenario { name, size, stream, model, requests });
        }
    }
    all
}

impl Scenario {
    fn run(&self, bare: &Server, stack: &Server) {
        let body = String::from_utf8(support::request(self.size, self.stream).to_vec()).unwrap();
        let body = Bytes::from(body.replacen("\"mock\"", &format!("\"{}\"", self.model), 1));
        let bare_path = if self.model == "openai" { "/v1/chat/completions" } else { "/v1/messages" };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut figures: Vec<(f64, f64)> = Vec::new();
        for round in 0..=ROUNDS {
            let bare = runtime.block_on(self.measure(bare, bare_path, &body));
            let stack = runtime.block_on(self.measure(stack, "/v1/chat/completions", &body));
            if round > 0 {
                figures.push((bare, stack));
            }
        }
        let median = |values: &mut Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        println!(
            "{:<28} {:>12.1} {:>12.1} {:>7.2}",
            self.name,
            median(&mut figures.iter().map(|(bare, _)| *bare).collect()),
            median(&mut figures.iter().map(|(_, stack)| *stack).collect()),
            median(&mut figures.iter().map(|(bare, stack)| stack / bare).collect()),
        );
    }

    /// CPU microseconds of the server for each request.
    async fn measure(&self, server: &Server, path: &str, body: &Bytes) -> f64 {
        let uri: Uri = format!("http://{}{path}", server.addr).parse().unwrap();
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Legacy<_, Full<Bytes>> = Legacy::builder(TokioExecutor::new()).build(connector);
        let before = server.cpu();
        let each = self.requests / CONNECTIONS;
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(work(client.clone(), uri.clone(), body.clone(), self.stream, each)))
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        (server.cpu() - before) as f64 / 1000.0 / (each * CONNECTIONS) as f64
    }
}

async fn work(client: Legacy<HttpConnector, Full<Bytes>>, uri: Uri, body: Bytes, stream: bool, requests: usize) {
    for _ in 0..requests {
        let mut request = Request::post(uri.clone())
            .header("content-type", "application/json")
            .header("authorization", "Bearer sk-test-alice")
            .header("accept", "application/json");
        if stream {
            request = request.header("x-stream", "1");
        }
        let response = client.request(request.body(Full::new(body.clone())).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body().collect().await.unwrap();
    }
}
