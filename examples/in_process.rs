//! The host's own service answers a model: no provider, no HTTP client.
//!
//! A model is any tower service that takes a `ChatRequest`. This one runs in a thread and hands over one word at a time.
//! It tells its answer in verbs (`start`, `text`, `finish`, …); one of two writers makes OpenAI's format of them, whole
//! or streamed as the client asked.
#![allow(clippy::print_stdout)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{StreamExt, once};
use tower::{Layer, ServiceExt, service_fn};
use tower_completions::chat::{AnswerHead, ChunkWriter, FinishReason, MessageWriter, PartKind, Role, Sink};
use tower_completions::json::Text;
use tower_completions::route::BoxBody;
use tower_completions::{ApiError, BoxError, ChatLayer, ChatRequest, Model, ModelRouter, Usage, UsageCell};

const MODEL: &str = "parrot-1";

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
pub(crate) async fn ask(text: &str, stream: bool) -> Result<Response<BoxBody>, BoxError> {
    let body = serde_json::json!({
        "model": MODEL,
        "messages": [{"role": "user", "content": text}],
        "stream": stream,
        "stream_options": stream.then(|| serde_json::json!({"include_usage": true})),
    });
    let chat = ChatLayer::new().layer(ModelRouter::new([Model::new(MODEL, service_fn(answer)).owned_by("me")]));
    let response = chat.oneshot(Request::post("/").body(body.to_string())?).await?;
    Ok(response.map(BodyExt::boxed_unsync))
}

/// The service. An `ApiError` goes to the client as it is; any other error would become a 502 that tells nothing.
async fn answer(request: Request<ChatRequest>) -> Result<Response<BoxBody>, ApiError> {
    let chat = request.into_body();
    let words = ReceiverStream::new(speak(last_user_text(&chat)?));
    // What the answer tells the layers outside, such as a meter.
    let cell = UsageCell::new();
    let mut response = if chat.stream() {
        streamed(words, ChunkWriter::new(head(), cell.clone(), chat.include_usage()))
    } else {
        whole(words, MessageWriter::new(head(), cell.clone())).await?
    };
    response.extensions_mut().insert(cell);
    Ok(response)
}

/// One event for each word, as it comes. Nothing is buffered: the client's pace is the model's.
fn streamed(words: ReceiverStream<String>, mut writer: ChunkWriter) -> Response<BoxBody> {
    let mut told = 0;
    let events = words.map(Some).chain(once(None)).filter_map(move |word| {
        tell(word, &mut told, &mut writer);
        writer.take().map(|events| Ok(Frame::data(events)))
    });
    respond("text/event-stream", StreamBody::new(events).boxed_unsync())
}

/// The same verbs, collected into one message.
async fn whole(words: ReceiverStream<String>, mut writer: MessageWriter) -> Result<Response<BoxBody>, ApiError> {
    let mut told = 0;
    let mut words = words.map(Some).chain(once(None));
    while let Some(word) = words.next().await {
        tell(word, &mut told, &mut writer);
    }
    let message = writer.take().ok_or_else(ApiError::internal)?;
    Ok(respond("application/json", Full::new(message).map_err(Into::into).boxed_unsync()))
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
fn speak(prompt: String) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        for word in prompt.split_inclusive(' ') {
            thread::sleep(Duration::from_millis(50));
            if sender.blocking_send(word.to_owned()).is_err() {
                return;
            }
        }
    });
    receiver
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

fn respond(content_type: &'static str, body: BoxBody) -> Response<BoxBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
