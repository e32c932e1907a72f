//! A provider's protocol of one's own: a `Dialect` that says the request, and a `Decode` that reads the answer.
//!
//! The provider is invented. It takes `{"model", "lines": [{"who", "says"}], "live"}`, and answers with one JSON object, or
//! with one object a line if `live` is set. A service in this process plays it; an HTTP client would stand in its place.
#![allow(clippy::print_stdout)]

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use tower_completions::chat::{FinishReason, Role, Sink};
use tower_completions::json::{Raw, Text};
use tower_completions::translate::{BaseUrl, Decode, Dialect, Dropped, Upstream};
use tower_completions::{ApiError, BoxError, ChatLayer, ChatRequest, TranslateLayer, Usage};

pub(crate) struct Playwright {
    pub(crate) uri: Uri,
}

impl Dialect for Playwright {
    const NAME: &'static str = "playwright";
    type Decoder = Reader;

    fn encode(&self, chat: &ChatRequest) -> Result<(Upstream, Reader), ApiError> {
        let mut dropped = Dropped::default();
        for (field, _) in chat.fields().filter(|(_, value)| !value.is_null()) {
            match &*field.to_str() {
                "model" | "messages" | "stream" | "stream_options" => {}
                // A hint that the protocol cannot express: the client hears of it in `x-dropped-params`.
                field @ ("temperature" | "top_p" | "seed") => dropped.push(field.to_owned()),
                // What would change the meaning of the answer is refused before anything is sent.
                field => return Err(ApiError::unsupported_parameter(field.to_owned())),
            }
        }
        let mut lines = Vec::new();
        for message in chat.messages() {
            let message = message?;
            let who = match message.role() {
                Role::System | Role::Developer => "director",
                Role::User => "caller",
                Role::Assistant => "actor",
                _ => {
                    return Err(ApiError::unsupported_value(message.path("role"), "there are no such roles in a play"));
                }
            };
            lines.push(json!({"who": who, "says": message.text()?}));
        }
        let body = json!({"model": chat.model(), "lines": lines, "live": chat.stream()}).to_string();
        Ok((Upstream::new(self.uri.clone(), body).dropped(dropped), Reader::default()))
    }
}

/// A line without an end must not fill the memory.
const MAX_LINE: usize = 1 << 20;

/// Reads one answer. Its state is what one answer needs, here the line that has not ended yet.
#[derive(Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    is_started: bool,
    is_over: bool,
}

impl Reader {
    /// One object: a whole answer, or a line of a live one. Both end here, so they cannot drift apart.
    fn object(&mut self, json: &[u8], sink: &mut impl Sink) -> Result<(), ApiError> {
        let garbage = || ApiError::upstream_error("The provider's answer is not a performance.");
        let object = Raw::from_bytes(json).map_err(|_| garbage())?;
        if !self.is_started {
            let model = object.get("model").and_then(Raw::as_text).ok_or_else(garbage)?;
            sink.start(Text::plain(""), model);
            self.is_started = true;
        }
        if let Some(text) = object.get("says").and_then(Raw::as_text) {
            sink.text(text);
        }
        if let Some(words) = object.get("curtain") {
            let count = |field| words.get(field).and_then(Raw::as_u64).unwrap_or(0);
            sink.usage(Usage { input: count("heard"), output: count("said"), ..Usage::default() });
            sink.finish(FinishReason::Stop, None);
            sink.end();
            self.is_over = true;
        }
        Ok(())
    }
}

/// `end` and `error` stay as they are: an answer that breaks off is a 502, and of an error the status alone speaks.
impl Decode for Reader {
    /// The bytes may be cut anywhere.
    fn stream(&mut self, bytes: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.object(&line, sink)?;
            }
        }
        if self.line.len() > MAX_LINE { Err(ApiError::upstream_too_large()) } else { Ok(()) }
    }

    fn whole(&mut self, body: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        self.object(&body, sink)?;
        if self.is_over { Ok(()) } else { self.end(sink) }
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for stream in [false, true] {
        let answer = ask(json!({"stream": stream, "temperature": 0.5})).await?;
        println!("\nstream: {stream}, x-dropped-params: {:?}", answer.headers().get("x-dropped-params"));
        println!("{}", answer.body().trim_end());
    }
    Ok(())
}

/// What a client would send, through the border and the translation.
pub(crate) async fn ask(mut body: serde_json::Value) -> Result<Response<String>, BoxError> {
    body["model"] = "hamlet".into();
    body["messages"] = json!([{"role": "user", "content": "What is the question?"}]);
    let dialect = Playwright { uri: BaseUrl::new("http://theatre.example")?.join("/perform")? };
    let chat = ChatLayer::new().layer(TranslateLayer::new(dialect).layer(service_fn(theatre)));
    let (head, answer) = chat.oneshot(Request::post("/").body(body.to_string())?).await?.into_parts();
    let answer = answer.collect().await?.to_bytes();
    Ok(Response::from_parts(head, String::from_utf8(answer.to_vec())?))
}

/// The provider.
async fn theatre(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, BoxError> {
    let body = request.into_body().collect().await?.to_bytes();
    let play: serde_json::Value = serde_json::from_slice(&body)?;
    Ok(Response::new(if play["live"] == true { LIVE } else { WHOLE }.into()))
}

pub(crate) const WHOLE: &str =
    r#"{"model":"hamlet-1603","says":"To be, or not to be.","curtain":{"heard":4,"said":6}}"#;
pub(crate) const LIVE: &str = r#"{"model":"hamlet-1603"}
{"says":"To be, "}
{"says":"or not to be."}
{"curtain":{"heard":4,"said":6}}
"#;
