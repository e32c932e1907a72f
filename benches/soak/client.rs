//! The clients: they send a request, read as far as they want to, and say what they saw.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use memchr::memmem;
use serde_json::Value;
use tokio::time::timeout;

use super::plan::{Plan, tokens};
use super::slots::{Seen, Slots};

/// Shorter than the gateway keeps an idle connection, so that none is used that is being closed.
const IDLE: Duration = Duration::from_secs(5);
/// Nothing may take longer than this: retries, fallbacks and time limits together are some ten seconds.
const HANG: Duration = Duration::from_secs(60);

/// Connections to one gateway, in both versions of HTTP.
#[derive(Clone)]
pub(crate) struct Clients {
    url: String,
    http1: Client<HttpConnector, Full<Bytes>>,
    http2: Client<HttpConnector, Full<Bytes>>,
}

impl Clients {
    pub(crate) fn of(url: &str) -> Self {
        let client = |http2| {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            let mut builder = Client::builder(TokioExecutor::new());
            builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).http2_only(http2);
            builder.build(connector)
        };
        Self { url: url.to_owned(), http1: client(false), http2: client(true) }
    }

    fn send(&self, plan: &Plan) -> impl Future<Output = Result<Response<Incoming>, Error>> + use<> {
        let request = Request::post(format!("{}/v1/chat/completions", self.url))
            .header("authorization", format!("Bearer sk-{}", plan.key))
            .header("content-type", "application/json")
            .header("x-request-id", plan.id())
            .body(plan.body().into())
            .unwrap();
        let client = if plan.http2 { &self.http2 } else { &self.http1 };
        client.request(request)
    }

    /// Does what is planned, and keeps what it saw.
    pub(crate) async fn ask(&self, plan: &Plan, slots: &Slots) -> Seen {
        let seen = timeout(HANG, self.see(plan)).await.unwrap_or_else(|_| {
            eprintln!("{} hangs: {plan:?}", plan.id());
            Seen::Lost
        });
        slots.saw(plan.number, seen);
        seen
    }

    async fn see(&self, plan: &Plan) -> Seen {
        let sending = self.send(plan);
        let response = match plan.leaves {
            Some((0, patience)) => match timeout(patience, sending).await {
                Ok(response) => response,
                Err(_) => return Seen::Left,
            },
            _ => sending.await,
        };
        let response = match response {
            Ok(response) => response,
            Err(error) => {
                eprintln!("{}: {error:?}", plan.id());
                return Seen::Lost;
            }
        };
        match (response.status().as_u16(), plan.stream) {
            (200, true) => stream(plan, response.into_body()).await,
            (200, false) => whole(plan, response.into_body()).await,
            (429, _) => Seen::Refused,
            (status, _) => {
                let error = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let is_error =
                    serde_json::from_slice::<Value>(&error).is_ok_and(|body| body["error"]["message"].is_string());
                if is_error && [502, 503, 504].contains(&status) { Seen::Failed } else { wrong(plan, status, &error) }
            }
        }
    }

    /// Opens a stream and waits for its first words; whoever has the rest keeps it open.
    pub(crate) async fn hold(&self, plan: &Plan, slots: &Slots) -> Option<Response<Incoming>> {
        let mut response = self.send(plan).await.unwrap();
        if response.status() != 200 {
            slots.saw(plan.number, Seen::Refused);
            return None;
        }
        response.body_mut().frame().await.unwrap().unwrap();
        slots.saw(plan.number, Seen::Left);
        Some(response)
    }

    /// How a key stands with its limits.
    pub(crate) async fn standing(&self, key: &str) -> Value {
        let request =
            Request::get(format!("{}/v1/usage", self.url)).header("authorization", format!("Bearer sk-{key}"));
        let response = self.http1.request(request.body(Full::default()).unwrap()).await.unwrap();
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }
}

async fn whole(plan: &Plan, body: Incoming) -> Seen {
    let Ok(body) = body.collect().await else { return wrong(plan, 200, b"(cut)") };
    let body = body.to_bytes();
    match serde_json::from_slice::<Value>(&body) {
        Ok(answer) if is_right(plan, &answer) && answer["choices"][0]["finish_reason"] == "stop" => Seen::Whole,
        _ => wrong(plan, 200, &body),
    }
}

async fn stream(plan: &Plan, mut body: Incoming) -> Seen {
    let leaves_after = plan.leaves.map(|(events, _)| events);
    let (mut text, mut events) = (Vec::new(), 0);
    loop {
        if leaves_after.is_some_and(|after| events >= after) {
            return Seen::Left;
        }
        match body.frame().await {
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                events += memmem::find_iter(&data, b"\n\n").count() as u64;
                text.extend_from_slice(&data);
            }
            Some(Err(_)) => return wrong(plan, 200, &text),
            None => break,
        }
    }
    let data = |line: &'_ str| line.strip_prefix("data: ").map(str::to_owned);
    let lines: Vec<_> = std::str::from_utf8(&text).unwrap_or_default().lines().filter_map(data).collect();
    let Some((last, before)) = lines.split_last() else { return wrong(plan, 200, &text) };
    if last != "[DONE]" {
        let is_error = serde_json::from_str::<Value>(last).is_ok_and(|event| event["error"]["message"].is_string());
        return if is_error { Seen::Broken } else { wrong(plan, 200, &text) };
    }
    let usage = before.iter().filter(|event| event.contains(r#""choices":[]"#));
    let usage: Vec<Value> = usage.map(|event| serde_json::from_str(event).unwrap_or_default()).collect();
    match (plan.shows_usage, &usage[..]) {
        (false, []) => Seen::Whole,
        (true, [usage]) if is_right(plan, usage) => Seen::Whole,
        _ => wrong(plan, 200, &text),
    }
}

/// Whether an answer has the figures of its request.
fn is_right(plan: &Plan, answer: &Value) -> bool {
    let (input, output) = tokens(plan.number);
    answer["usage"]["prompt_tokens"] == input && answer["usage"]["completion_tokens"] == output
}

fn wrong(plan: &Plan, status: u16, body: &[u8]) -> Seen {
    eprintln!("{}: {status}, {} ({plan:?})", plan.id(), String::from_utf8_lossy(body));
    Seen::Wrong
}
