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
use gungraun::{library_benchmark, library_benchmark_group, main};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_completions::auth::{Budget, Limits, Principal};
use tower_completions::chat::{AnswerHead, ChunkWriter, MessageWriter};
use tower_completions::limit::MemoryLimits;
use tower_completions::price::{Price, PriceBook};
use tower_completions::translate::{Anthropic, Decode, Dialect, OpenAi};
use tower_completions::{BoxError, ChatRequest, RateLimitLayer, UsageCell};

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

#[library_benchmark]
#[bench::small((anthropic(), chat(2_000)))]
#[bench::large((anthropic(), chat(100_000)))]
fn anthropic_encode((dialect, chat): (Anthropic, ChatRequest)) -> Bytes {
    black_box(dialect.encode(&chat).unwrap().0.body)
}

fn stream_through<D: Dialect>(dialect: &D, events: Bytes) -> usize {
    let (_, mut decoder) = dialect.encode(&streaming()).unwrap();
    let mut writer = ChunkWriter::new(head(), UsageCell::new(), false);
    let mut written = 0;
    // About what one read of a socket brings.
    for at in (0..events.len()).step_by(8_192) {
        decoder.stream(events.slice(at..events.len().min(at + 8_192)), &mut writer).unwrap();
        while let Some(frame) = writer.take() {
            written += frame.len();
        }
    }
    assert!(writer.is_ended());
    written
}

#[library_benchmark]
#[bench::events_1000((openai(), support::openai_stream(1000)))]
fn openai_stream((dialect, events): (OpenAi, Bytes)) -> usize {
    black_box(stream_through(&dialect, events))
}

#[library_benchmark]
#[bench::events_1000((anthropic(), support::anthropic_stream(1000)))]
fn anthropic_stream((dialect, events): (Anthropic, Bytes)) -> usize {
    black_box(stream_through(&dialect, events))
}

fn whole_through<D: Dialect>(dialect: &D, answer: Bytes) -> Bytes {
    let (_, mut decoder) = dialect.encode(&chat(500)).unwrap();
    let mut writer = MessageWriter::new(head(), UsageCell::new());
    decoder.whole(answer, &mut writer).unwrap();
    writer.take().unwrap()
}

#[library_benchmark]
#[bench::whole((openai(), support::openai_answer()))]
fn openai_whole((dialect, answer): (OpenAi, Bytes)) -> Bytes {
    black_box(whole_through(&dialect, answer))
}

#[library_benchmark]
#[bench::whole((anthropic(), support::anthropic_answer()))]
fn anthropic_whole((dialect, answer): (Anthropic, Bytes)) -> Bytes {
    black_box(whole_through(&dialect, answer))
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

fn poll<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing here waits"),
    }
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

library_benchmark_group!(name = request, benchmarks = [scan, splice, anthropic_encode, limit]);
library_benchmark_group!(name = answer, benchmarks = [openai_stream, anthropic_stream, openai_whole, anthropic_whole]);
main!(library_benchmark_groups = [request, answer]);
