//! Instruction counts of the steps that every request and every event goes through.
//!
//! `cargo bench --bench instructions` needs valgrind and `cargo install gungraun-runner`. The counts are the same for the
//! same binary whatever else the machine does, so that a difference is a difference of the code.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

mod support;

use std::hint::black_box;

use bytes::Bytes;
use gungraun::{library_benchmark, library_benchmark_group, main};
use tower_completions::chat::{AnswerHead, ChunkWriter, MessageWriter};
use tower_completions::translate::{Anthropic, Decode, Dialect, OpenAi};
use tower_completions::{ChatRequest, UsageCell};

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

library_benchmark_group!(name = request, benchmarks = [scan, splice, anthropic_encode]);
library_benchmark_group!(name = answer, benchmarks = [openai_stream, anthropic_stream, openai_whole, anthropic_whole]);
main!(library_benchmark_groups = [request, answer]);
