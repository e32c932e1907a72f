//! What the suites share: a stack over a mock, a client's requests, and what came of them.
#![allow(dead_code, reason = "each suite uses its own part")]

use std::convert::Infallible;
use std::time::Duration;

use axum::serve::ListenerExt;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, Service, ServiceExt};
use tower_completions::chat::Chat;
use tower_completions::client::Client;
use tower_completions::mock::Mock;
use tower_completions::translate::{OpenAi, Translate};
use tower_completions::{
    ApiError, BoxError, ChatLayer, ChatRequest, Endpoint, Model, ModelRouter, Observed, TranslateLayer, UsageCell,
};

/// The gateway's own key for the upstream: nobody else may ever see it.
pub(crate) const UPSTREAM_KEY: &str = "sk-upstream-planted";

/// How long a test waits for what must happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// What a client gets within a second, by the book.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// An OpenAI-shaped upstream behind any transport.
pub(crate) fn openai<S>(base_url: &str, transport: S) -> Translate<OpenAi, S> {
    TranslateLayer::new(OpenAi::new(base_url).unwrap().key(UPSTREAM_KEY).unwrap()).layer(transport)
}

/// The models that the suites ask for; `mini` has another name upstream.
pub(crate) fn models<S, B>(service: S) -> ModelRouter
where
    S: Service<Request<ChatRequest>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    ModelRouter::new([
        Model::new("m", service.clone()),
        Model::new("gpt-4o-mini", service.clone()),
        Model::new("gpt-5", service.clone()),
        Model::new("mini", service).upstream("gpt-4o-mini"),
    ])
}

/// Border, router and translation over an in-process mock.
pub(crate) fn stack(mock: &Mock) -> Chat<ModelRouter> {
    ChatLayer::new().layer(models(openai("http://upstream.test/v1", mock.clone())))
}

/// `POST /v1/chat/completions` with these bytes.
pub(crate) fn post(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/v1/chat/completions")
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

/// A request for model `m`, with more fields after the messages (which begin with a comma).
pub(crate) fn ask(more: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}]{more}}}"#)
}

pub(crate) const STREAM: &str = r#","stream":true"#;
pub(crate) const STREAM_WITH_USAGE: &str = r#","stream":true,"stream_options":{"include_usage":true}"#;

/// A whole answer that says "Hi".
pub(crate) const WHOLE: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null},"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;

/// One event of a stream, with a choice that says `text`.
pub(crate) fn says(text: &str) -> String {
    let text = Value::from(text);
    chunk(&format!(r#"[{{"index":0,"delta":{{"content":{text}}},"finish_reason":null}}]"#))
}

/// The event that ends choice `index`.
pub(crate) fn stops(index: u32) -> String {
    chunk(&format!(r#"[{{"index":{index},"delta":{{}},"finish_reason":"stop"}}]"#))
}

/// The event with nothing but usage.
pub(crate) fn bills() -> String {
    let event = chunk("[]");
    event.replace(
        r#""choices":[]"#,
        r#""choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}"#,
    )
}

pub(crate) fn chunk(choices: &str) -> String {
    let head = r#""id":"c","object":"chat.completion.chunk","created":1,"model":"m-1""#;
    format!("data: {{{head},\"choices\":{choices}}}\n\n")
}

pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// What a client got.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the body broke off.
    pub(crate) broke: bool,
    /// What the layers outside were told, once the body had ended.
    pub(crate) observed: Option<Observed>,
}

impl Answered {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Checks status, type, code and param, and that the error has OpenAI's four keys and no others.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, kind: &str, code: Option<&str>, param: Option<&str>) {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.body);
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(!self.broke);
        assert_error(&self.json(), kind, code, param);
    }
}

/// Checks an error object, wherever it came.
#[track_caller]
pub(crate) fn assert_error(body: &Value, kind: &str, code: Option<&str>, param: Option<&str>) {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(body), ["error"], "{body}");
    let error = &body["error"];
    assert_eq!(keys(error).len(), 4, "{body}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    let told = (error["type"].as_str(), error["code"].as_str(), error["param"].as_str());
    assert_eq!(told, (Some(kind), code, param), "{body}");
    for (key, word) in [("code", code), ("param", param)] {
        assert!(error.get(key).is_some_and(|value| value.is_null() == word.is_none()), "{body}");
    }
}

/// Sends a request through a service that never fails, and reads the answer to its end.
pub(crate) async fn send<S, B, ResB>(service: &S, request: Request<B>) -> Answered
where
    S: Service<Request<B>, Response = Response<ResB>, Error = Infallible> + Clone,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let Ok(response) = service.clone().oneshot(request).await;
    read(response).await
}

/// Reads an answer to its end.
pub(crate) async fn read<B>(response: Response<B>) -> Answered
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (head, body) = response.into_parts();
    let mut body = std::pin::pin!(body);
    let (mut bytes, mut broke) = (Vec::new(), false);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(_) => {
                broke = true;
                break;
            }
        }
    }
    let observed = head.extensions.get::<UsageCell>().map(UsageCell::observed);
    Answered { status: head.status, headers: head.headers, body: bytes.into(), broke, observed }
}

/// The data of each event of a stream, read by the rules of the HTML standard.
pub(crate) fn events(stream: &str) -> Vec<String> {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream).replace("\r\n", "\n").replace('\r', "\n");
    let data = |block: &str| {
        let value = |line: &str| Some(line.strip_prefix("data:")?.to_owned());
        let lines: Vec<String> = block.lines().filter_map(value).collect();
        let lines = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>();
        (!lines.is_empty()).then(|| lines.join("\n"))
    };
    stream.split("\n\n").filter_map(data).collect()
}

/// A border on a socket, with the crate's own client behind it.
pub(crate) struct Gateway {
    pub(crate) base_url: String,
    pub(crate) addr: std::net::SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gateway {
    /// Serves the whole stack in front of an upstream at this base URL.
    pub(crate) async fn before(base_url: &str) -> Self {
        Self::serve(models(openai(base_url, Client::new()))).await
    }

    /// Serves a router.
    pub(crate) async fn serve(router: ModelRouter) -> Self {
        let models = router.models();
        Self::of(Endpoint::new(ChatLayer::new().layer(router), models)).await
    }

    /// Serves any endpoint with axum.
    pub(crate) async fn of<S, B>(endpoint: S) -> Self
    where
        S: Service<Request<axum::body::Body>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        // Without it small packets wait 40 ms for each other.
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        let app = axum::Router::new().fallback_service(endpoint);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { base_url: format!("http://{addr}"), addr, task }
    }

    /// Sends a chat request over the socket, and waits for the head of the answer.
    pub(crate) async fn chat(
        &self,
        client: &Client,
        body: impl Into<Bytes>,
    ) -> Response<tower_completions::client::Incoming> {
        let mut request = post(body);
        *request.uri_mut() = format!("{}/v1/chat/completions", self.base_url).parse().unwrap();
        client.clone().oneshot(request).await.unwrap()
    }
}

/// What the border says for an error from below.
pub(crate) fn told(error: impl Into<BoxError>) -> ApiError {
    ApiError::from_box(error.into())
}
