//! The host's own service answers a model: no provider, no HTTP client.
//!
//! A model is any tower service that takes a `ChatRequest`. This one runs in a thread and hands over one word at a time.
//! It tells its answer in verbs (`start`, `text`, `finish`, …); one of two writers makes OpenAI's format of them, whole
//! or streamed as the client asked.
#![allow(clippy::print_stdout)]

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tower::{Layer, ServiceExt, service_fn};
use tower_completions::chat::{AnswerHead, ChunkWriter, FinishReason, MessageWriter, PartKind, Role, Sink};
use tower_completions::json::Text;
use tower_completions::{
    ApiError, BoxError, ChatLayer, ChatRequest, Model, ModelRouter, ResponseBody, Usage, UsageCell,
};

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
    // What the answer tells the layers outside, such as a meter.
    let cell = UsageCell::new();
    let mut response = if chat.stream() {
        let writer = ChunkWriter::new(head(), cell.clone(), chat.include_usage());
        respond("text/event-stream", ResponseBody::inner(streamed(words, writer)))
    } else {
        let message = whole(words, MessageWriter::new(head(), cell.clone())).await?;
        respond("application/json", ResponseBody::full(message))
    };
    response.extensions_mut().insert(cell);
    Ok(response)
}

/// One event for each word, as it comes. Nothing is buffered: the client's pace is the model's.
fn streamed(words: Words, mut writer: ChunkWriter) -> impl Body<Data = Bytes, Error = Infallible> {
    let mut told = 0;
    let events = words.filter_map(move |word| {
        tell(word, &mut told, &mut writer);
        writer.take().map(|events| Ok(Frame::data(events)))
    });
    StreamBody::new(events)
}

/// The same verbs, collected into one message.
async fn whole(mut words: Words, mut writer: MessageWriter) -> Result<Bytes, ApiError> {
    let mut told = 0;
    while let Some(word) = words.next().await {
        tell(word, &mut told, &mut writer);
    }
    writer.take().ok_or_else(ApiError::internal)
}

/// Tells the next word, or with `None` the end, in verbs. The id is left to the writer.
fn tell(word: Option<String>, told: &mut u64, sink: &mut impl Sink) {
    if *told == 0 {
        sink.start(Text::plain(""), Text::plain(MODEL));
    }
    match word {
        Some(word) => {
            *told += 1;
            sink.text(Text::plain(&word));
        }
        None => {
            sink.finish(FinishReason::Stop, None);
            sink.usage(Usage { output: *told, ..Usage::default() });
            sink.end();
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
    let mut text = String::new();
    for message in chat.messages().rev() {
        let message = message?;
        if !matches!(message.role(), Role::User) {
            continue;
        }
        for part in message.parts() {
            let part = part?;
            match part.kind() {
                PartKind::Text(piece) => text.push_str(&piece.to_str()),
                _ => return Err(ApiError::unsupported_value(part.path(), "a parrot only hears text")),
            }
        }
        break;
    }
    Ok(text)
}

fn head() -> AnswerHead {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    AnswerHead::new(now.as_secs(), || format!("chatcmpl-parrot-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
}

fn respond<B>(content_type: &'static str, body: B) -> Response<B> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
