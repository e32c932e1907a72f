//! The host's own service answers a model: no provider, no HTTP client.
//!
//! A model is any tower service that takes a `ChatRequest`. This one runs in a thread and hands over one word at a time.
//! It tells its answer in verbs (`start`, `text`, `finish`, …); a writer makes OpenAI's format of them, whole or streamed as
//! the client asked.
#![allow(clippy::print_stdout)]

use std::convert::Infallible;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tower::{Layer, ServiceExt, service_fn};
use tower_completions::chat::{AnswerWriter, FinishReason, Role, Sink};
use tower_completions::json::Text;
use tower_completions::{ApiError, BoxError, ChatLayer, ChatRequest, Model, ModelRouter, ResponseBody, Usage};

const MODEL: &str = "parrot-1";

/// The words of an answer; `None` is its end.
type Words = ReceiverStream<Option<String>>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for stream in [false, true] {
        println!("\n# stream: {stream}");
        let mut answer = ask("Polly wants a cracker", stream).await?.into_body();
        while let Some(frame) = answer.frame().await {
            if let Ok(data) = frame?.into_data() {
                println!("{}", String::from_utf8_lossy(&data).trim_end());
            }
        }
    }
    Ok(())
}

/// What a client would send, through the border and the router.
pub(crate) async fn ask(
    text: &str,
    stream: bool,
) -> Result<Response<impl Body<Data = Bytes, Error = BoxError>>, BoxError> {
    let body = serde_json::json!({
        "model": MODEL,
        "messages": [{"role": "user", "content": text}],
        "stream": stream,
        "stream_options": stream.then(|| serde_json::json!({"include_usage": true})),
    });
    let chat = ChatLayer::new().layer(ModelRouter::new([Model::new(MODEL, service_fn(answer)).owned_by("me")]));
    Ok(chat.oneshot(Request::post("/").body(body.to_string())?).await?)
}

/// The service. An `ApiError` goes to the client as it is; any other error would become a 502 that tells nothing.
async fn answer(
    request: Request<ChatRequest>,
) -> Result<Response<ResponseBody<impl Body<Data = Bytes, Error = Infallible>>>, ApiError> {
    let chat = request.into_body();
    let words = speak(last_user_text(&chat)?);
    let mut answer = AnswerWriter::new(&chat);
    answer.start("".into(), MODEL.into());
    if chat.stream() {
        let response = answer.respond(());
        return Ok(response.map(|()| ResponseBody::inner(streamed(words, answer))));
    }
    let message = whole(words, &mut answer).await?;
    Ok(answer.respond(ResponseBody::full(message)))
}

/// One event for each word, as it comes. Nothing is buffered: the client's pace is the model's.
fn streamed(words: Words, mut answer: AnswerWriter) -> impl Body<Data = Bytes, Error = Infallible> {
    let mut told = 0;
    let events = words.filter_map(move |word| {
        tell(word, &mut told, &mut answer);
        answer.take().map(|events| Ok(Frame::data(events)))
    });
    StreamBody::new(events)
}

/// The same verbs, collected into one message.
async fn whole(mut words: Words, answer: &mut AnswerWriter) -> Result<Bytes, ApiError> {
    let mut told = 0;
    while let Some(word) = words.next().await {
        tell(word, &mut told, answer);
    }
    answer.take().ok_or_else(ApiError::internal)
}

/// Tells the next word, or with `None` the end, in verbs.
fn tell(word: Option<String>, told: &mut u64, answer: &mut AnswerWriter) {
    match word {
        Some(word) => {
            *told += 1;
            answer.text(Text::plain(&word));
        }
        None => {
            answer.finish(FinishReason::Stop, None);
            answer.usage(Usage { output: *told, ..Usage::default() });
            answer.end();
        }
    }
}

/// The model. When the client leaves, the receiver is dropped, the next `send` fails, and the model stops.
///
/// It says when it is done: one that dies before leaves no `finish_reason` and no `[DONE]`, so its answer never looks whole.
fn speak(prompt: String) -> Words {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        for word in prompt.split_inclusive(' ') {
            thread::sleep(Duration::from_millis(50));
            if sender.blocking_send(Some(word.to_owned())).is_err() {
                return;
            }
        }
        drop(sender.blocking_send(None));
    });
    ReceiverStream::new(receiver)
}

fn last_user_text(chat: &ChatRequest) -> Result<String, ApiError> {
    for message in chat.messages().rev() {
        let message = message?;
        if matches!(message.role(), Role::User) {
            return Ok(message.text()?.unwrap_or_default().into_owned());
        }
    }
    Ok(String::new())
}
