//! What is printed for people who look for mistakes: never a secret, and nothing of what was asked and answered.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::pin::Pin;
use std::task::{Context, Waker};

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use tower_completions::chat::{AnswerHead, AnswerWriter, ChunkWriter, MessageWriter, Sink, Tap, sse};
use tower_completions::translate::{Anthropic, Decode, Dialect, OpenAi};
use tower_completions::{ChatRequest, ResponseBody, UsageCell};

const EVENT: &str = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"planted\"},\"choices\":[{\"delta\":{\"content\":\"planted\"}}]}\n\n: planted";

fn chat(stream: bool) -> ChatRequest {
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"planted"}}],"user":"planted","stream":{stream}}}"#
    );
    ChatRequest::from_bytes(body).unwrap()
}

/// Fails where a text shows the planted word, in letters or in numbers.
#[track_caller]
fn assert_silent(name: &str, text: &str) {
    let numbers = format!("{:?}", b"planted");
    let numbers = numbers.trim_matches(['[', ']']);
    assert!(!text.contains("planted") && !text.contains(numbers), "{name}: {text}");
}

fn both(dialect: &impl Dialect<Decoder: std::fmt::Debug>) {
    let (upstream, mut decoder) = dialect.encode(&chat(true)).unwrap();
    assert_silent("Upstream", &format!("{upstream:?}"));
    let mut writer = ChunkWriter::new(AnswerHead::new(1, String::new), UsageCell::new(), false);
    decoder.stream(Bytes::from_static(EVENT.as_bytes()), &mut writer).unwrap();
    assert_silent("Decoder", &format!("{decoder:?}"));
    assert_silent("ChunkWriter", &format!("{writer:?}"));
}

#[test]
fn nothing_of_a_conversation_is_printed() {
    both(&OpenAi::new("http://h").unwrap().key("sk-planted").unwrap());
    both(&Anthropic::new("http://h").unwrap().key("sk-planted").unwrap());

    let chat_request = chat(false);
    assert_silent("ChatRequest", &format!("{chat_request:?}"));
    assert_silent("Patch", &format!("{:?}", chat_request.patch().set_str("user", "planted")));
    for message in chat_request.messages() {
        assert_silent("Message", &format!("{:?}", message.unwrap()));
    }

    let mut message = MessageWriter::new(AnswerHead::new(1, String::new), UsageCell::new());
    let mut answer = AnswerWriter::new(&chat_request);
    message.text("planted".into());
    answer.text("planted".into());
    assert_silent("MessageWriter", &format!("{message:?}"));
    assert_silent("AnswerWriter", &format!("{answer:?}"));

    let mut scanner = sse::Scanner::default();
    let fed: Result<(), sse::EventTooLong> = scanner.feed(EVENT.as_bytes(), |block| {
        assert_silent("Block", &format!("{block:?}"));
        Ok(())
    });
    fed.unwrap();
    assert_silent("Scanner", &format!("{scanner:?}"));
    let whole = ResponseBody::<Full<Bytes>>::full("planted");
    assert_silent("ResponseBody", &format!("{whole:?}"));
    let response = http::Response::builder().header("content-type", "application/json");
    let mut tap = Tap::install(response.body(ResponseBody::<Full<Bytes>>::full("planted")).unwrap()).into_body();
    assert_silent("Tap", &format!("{tap:?}"));
    let frame = Pin::new(&mut tap).poll_frame(&mut Context::from_waker(Waker::noop()));
    assert!(frame.is_ready());
    assert_silent("Tap", &format!("{tap:?}"));
}
