//! Instruction counts of the steps that every request and every event goes through.
//!
//! `cargo bench --bench instructions` needs valgrind and `cargo install gungraun-runner`. The counts are the same for the
//! same binary whatever else the machine does, so that a difference is a difference of the code.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

mod support;

use std::future::{Future, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use gungraun::{Dhat, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_completions::auth::{AuthLayer, Budget, Limits, Principal};
use tower_completions::chat::{AnswerHead, ChunkWriter, MessageWriter};
use tower_completions::limit::MemoryLimits;
use tower_completions::meter::log::{LogOptions, UsageLog};
use tower_completions::meter::{MeterLayer, Receipt, UsageSink};
use tower_completions::price::{Price, PriceBook};
use tower_completions::translate::openai::Profile;
use tower_completions::translate::{Anthropic, Azure, Bedrock, Decode, Dialect, Gemini, OpenAi};
use tower_completions::{BoxError, ChatRequest, Key, MemoryKeys, RateLimitLayer, TranslateLayer, UsageCell};

fn chat(size: usize) -> ChatRequest {
    ChatRequest::from_bytes(support::request(size, false)).unwrap()
}

fn streaming() -> ChatRequest {
    ChatRequest::from_bytes(support::request(500, true)).unwrap()
}

fn openai() -> OpenAi {
    OpenAi::new("http://127.0.0.1:1/v1").unwrap().key("secret").unwrap()
}

fn anthropic() -> Anthropic {
    Anthropic::new("http://127.0.0.1:1").unwrap().key("secret").unwrap()
}

fn gemini() -> Gemini {
    Gemini::new("http://127.0.0.1:1").unwrap().key("secret").unwrap()
}

fn bedrock() -> Bedrock {
    Bedrock::new("http://127.0.0.1:1").unwrap().key("secret").unwrap()
}

fn azure() -> Azure {
    Azure::new("http://127.0.0.1:1/openai/v1").unwrap().key("secret").unwrap()
}

/// The profile that has the most to say about answers.
fn profile() -> OpenAi {
    openai().profile(Profile::named("groq").unwrap())
}

fn head() -> AnswerHead {
    AnswerHead::new(1_750_000_000, String::new)
}

#[library_benchmark]
#[bench::small(support::request(2_000, false))]
#[bench::large(support::request(100_000, false))]
fn scan(body: Bytes) -> ChatRequest {
    black_box(ChatRequest::from_bytes(body).unwrap())
}

#[library_benchmark]
#[bench::small(chat(2_000))]
#[bench::large(chat(100_000))]
fn splice(chat: ChatRequest) -> Bytes {
    black_box(chat.with_model("another-model").to_bytes())
}

/// A request in the provider's words, with the reader of its answer.
fn encoding<D: Dialect + 'static>(dialect: D, size: usize) -> Box<dyn FnOnce() -> Bytes> {
    let chat = chat(size);
    Box::new(move || dialect.encode(&chat).unwrap().0.body)
}

#[library_benchmark]
#[bench::openai_small(encoding(openai(), 2_000))]
#[bench::openai_large(encoding(openai(), 100_000))]
#[bench::profile_small(encoding(profile(), 2_000))]
#[bench::profile_large(encoding(profile(), 100_000))]
#[bench::azure_small(encoding(azure(), 2_000))]
#[bench::azure_large(encoding(azure(), 100_000))]
#[bench::anthropic_small(encoding(anthropic(), 2_000))]
#[bench::anthropic_large(encoding(anthropic(), 100_000))]
#[bench::gemini_small(encoding(gemini(), 2_000))]
#[bench::gemini_large(encoding(gemini(), 100_000))]
#[bench::bedrock_small(encoding(bedrock(), 2_000))]
#[bench::bedrock_large(encoding(bedrock(), 100_000))]
fn encode(encoding: Box<dyn FnOnce() -> Bytes>) -> Bytes {
    black_box(encoding())
}

/// A streamed answer in OpenAI's chunks; what comes out is counted.
fn streamed<D: Dialect + 'static>(dialect: D, events: Bytes) -> Box<dyn FnOnce() -> usize> {
    let (_, mut decoder) = dialect.encode(&streaming()).unwrap();
    let mut writer = ChunkWriter::new(head(), UsageCell::new(), false);
    Box::new(move || {
        let mut written = 0;
        // About what one read of a socket brings.
        for at in (0..events.len()).step_by(8_192) {
            decoder.stream(events.slice(at..events.len().min(at + 8_192)), &mut writer).unwrap();
            while let Some(frame) = writer.take() {
                written += frame.len();
            }
        }
        decoder.end(&mut writer).unwrap();
        while let Some(frame) = writer.take() {
            written += frame.len();
        }
        assert!(writer.is_ended());
        written
    })
}

#[library_benchmark]
#[bench::openai(streamed(openai(), support::openai::stream(1000)))]
#[bench::profile(streamed(profile(), support::openai::stream(1000)))]
#[bench::azure(streamed(azure(), support::openai::stream(1000)))]
#[bench::anthropic(streamed(anthropic(), support::anthropic::stream(1000)))]
#[bench::gemini(streamed(gemini(), support::gemini::stream(1000)))]
#[bench::bedrock(streamed(bedrock(), support::bedrock::stream(1000)))]
fn stream_of_1000(streamed: Box<dyn FnOnce() -> usize>) -> usize {
    black_box(streamed())
}

/// A whole answer in OpenAI's shape.
fn answered<D: Dialect + 'static>(dialect: D, answer: Bytes) -> Box<dyn FnOnce() -> Bytes> {
    let (_, mut decoder) = dialect.encode(&chat(500)).unwrap();
    let mut writer = MessageWriter::new(head(), UsageCell::new());
    Box::new(move || {
        decoder.whole(answer, &mut writer).unwrap();
        writer.take().unwrap()
    })
}

#[library_benchmark]
#[bench::openai(answered(openai(), support::openai::answer()))]
#[bench::profile(answered(profile(), support::openai::answer()))]
#[bench::azure(answered(azure(), support::openai::answer()))]
#[bench::anthropic(answered(anthropic(), support::anthropic::answer()))]
#[bench::gemini(answered(gemini(), support::gemini::answer()))]
#[bench::bedrock(answered(bedrock(), support::bedrock::answer()))]
fn whole(answered: Box<dyn FnOnce() -> Bytes>) -> Bytes {
    black_box(answered())
}

/// A request through the limiter to a service that answers at once, and its answer to the last byte.
fn limited(limits: Limits) -> Box<dyn FnOnce() -> usize> {
    let prices = PriceBook::from_prices([("m", Price::per_million(3.0, 15.0).unwrap())]);
    let layer = RateLimitLayer::new(MemoryLimits::new()).prices(prices);
    let answer = Bytes::from_static(br#"{"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":9}}"#);
    let service = layer.layer(service_fn(move |_: Request<ChatRequest>| {
        ready(Ok::<_, BoxError>(Response::new(Full::new(answer.clone()))))
    }));
    let request = || {
        let mut request = Request::new(ChatRequest::from_bytes(support::request(500, false)).unwrap().with_model("m"));
        request.extensions_mut().insert(Principal::new("alice").limits(limits));
        request
    };
    let ask = move |request| {
        let body = poll(service.clone().oneshot(request)).unwrap().into_body();
        poll(body.collect()).map_err(drop).unwrap().to_bytes().len()
    };
    ask(request());
    let second = request();
    Box::new(move || ask(second))
}

/// What waits for nothing but its neighbours: a whole answer gives way once before its receipt is put away.
fn poll<F: Future>(future: F) -> F::Output {
    let (mut future, mut cx) = (pin!(future), Context::from_waker(Waker::noop()));
    for _ in 0..2 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
    unreachable!("nothing here waits")
}

fn four() -> Limits {
    let many = 1_000_000;
    Limits::new().requests_per_minute(many).tokens_per_minute(many).parallel(many).budget(Budget::total_usd(1e6))
}

#[library_benchmark]
#[bench::no_limits(limited(Limits::new()))]
#[bench::four_limits(limited(four()))]
fn limit(ask: Box<dyn FnOnce() -> usize>) -> usize {
    black_box(ask())
}

/// A request through a meter and a dialect to a provider that answers at once, and its answer to the last byte.
fn metered(meter: Option<MeterLayer>) -> Box<dyn FnOnce() -> usize> {
    let answer = support::openai::answer();
    let client = service_fn(move |_: Request<Full<Bytes>>| {
        let response = Response::builder().header("content-type", "application/json");
        ready(Ok::<_, BoxError>(response.body(Full::new(answer.clone())).unwrap()))
    });
    let service = TranslateLayer::new(openai()).provider("openai").layer(client);
    let request = || {
        let mut request = Request::new(ChatRequest::from_bytes(support::request(500, false)).unwrap().with_model("m"));
        request.extensions_mut().insert(Principal::new("alice"));
        request
    };
    match meter {
        Some(meter) => twice(meter.layer(service), request),
        None => twice(service, request),
    }
}

/// The second of two requests: the first one fills what is filled once.
fn twice<S, B>(service: S, request: impl Fn() -> Request<ChatRequest>) -> Box<dyn FnOnce() -> usize>
where
    S: Service<Request<ChatRequest>, Response = Response<B>, Error = BoxError> + Clone + 'static,
    B: Body<Data = Bytes>,
{
    let ask = move |request| {
        let body = poll(service.clone().oneshot(request)).unwrap().into_body();
        poll(body.collect()).map_err(drop).unwrap().to_bytes().len()
    };
    ask(request());
    let second = request();
    Box::new(move || ask(second))
}

fn meter(sink: impl UsageSink) -> Option<MeterLayer> {
    Some(MeterLayer::new(sink).prices(PriceBook::from_prices([("m", Price::per_million(3.0, 15.0).unwrap())])))
}

/// The log in a file; one write for each line.
fn file() -> UsageLog {
    let path = std::env::temp_dir().join(format!("usage-bench-{}.jsonl", std::process::id()));
    UsageLog::open(path, LogOptions::new()).unwrap()
}

// DHAT says how many blocks of memory it takes.
#[library_benchmark(config = LibraryBenchmarkConfig::default().tool(Dhat::default()))]
#[bench::none(metered(None))]
#[bench::no_sink(metered(meter(|receipt: &Receipt| assert!(black_box(receipt).cost.is_some()))))]
#[bench::usage_log(metered(meter(file())))]
fn meter_whole(ask: Box<dyn FnOnce() -> usize>) -> usize {
    black_box(ask())
}

library_benchmark_group!(name = ledger, benchmarks = [meter_whole]);
/// Somebody at the door with this key, where alice's is one of a hundred.
fn asked(key: &str) -> Box<dyn FnOnce() -> StatusCode> {
    let others = (0..99).map(|at| Key::new(format!("other-{at}"), &format!("sk-other-{at}")).unwrap());
    let keys = MemoryKeys::from_keys(others.chain([Key::new("alice", ALICE).unwrap()])).unwrap();
    // To forget a hundred keys is no part of a request.
    std::mem::forget(keys.clone());
    let service = AuthLayer::new(keys)
        .layer(service_fn(|_: Request<Full<Bytes>>| ready(Ok::<_, BoxError>(Response::new(Full::<Bytes>::default())))));
    let request = |key: &str| {
        let request = Request::post("/").header("authorization", format!("Bearer {key}"));
        request.body(Full::<Bytes>::default()).unwrap()
    };
    let ask = move |request| poll(service.clone().oneshot(request)).unwrap().status();
    ask(request("sk-nobody"));
    let request = request(key);
    Box::new(move || ask(request))
}

const ALICE: &str = "sk-0123456789abcdefghijklmnopqrstuvwxyz0123456789ab";

// A key that shares all but the end with alice's costs what one costs that shares nothing: scripts/instructions.py
// holds the two against each other.
#[library_benchmark]
#[bench::known(asked(ALICE))]
#[bench::nothing_in_common(asked("xx-9876543210zyxwvutsrqponmlkjihgfedcba9876543210zy"))]
#[bench::prefix_in_common(asked("sk-0123456789abcdefghijklmnopqrstuvwxyz0123456789aX"))]
fn door(ask: Box<dyn FnOnce() -> StatusCode>) -> StatusCode {
    black_box(ask())
}

library_benchmark_group!(name = request, benchmarks = [door, scan, splice, encode, limit]);
library_benchmark_group!(name = answer, benchmarks = [stream_of_1000, whole]);
main!(library_benchmark_groups = [request, answer, ledger]);
