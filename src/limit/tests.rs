//! The layer around a service, with a store that does as it is told.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::testing::{Next, Script};
use super::*;
use crate::auth::{Budget, Limits, Principal, Scope};
use crate::chat::ChatRequest;
use crate::clock::ManualClock;
use crate::error::{ApiError, BoxError};
use crate::price::{Price, PriceBook};
use crate::usage::{Attempts, Served, Usage, UsageCell};

const WHOLE: &str = r#"{"model":"free","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],
    "usage":{"prompt_tokens":3,"completion_tokens":1}}"#;

fn limits() -> Limits {
    Limits::new().requests_per_minute(60).tokens_per_minute(1000).budget(Budget::total_usd(1.0))
}

/// A dollar for a million tokens in, ten out.
fn prices() -> PriceBook {
    let price = |factor: f64| Price::per_million(factor, 10.0 * factor).unwrap();
    PriceBook::from_prices([("m", price(1.0)), ("other", price(2.0))])
}

fn layer(store: &Script) -> RateLimitLayer {
    RateLimitLayer::new(store.clone()).prices(prices()).anonymous(limits())
}

fn ask() -> Request<ChatRequest> {
    Request::new(chat("m"))
}

fn chat(model: &str) -> ChatRequest {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user"}}],"max_tokens":9}}"#);
    ChatRequest::from_bytes(body).unwrap()
}

/// The prompt of [`ask`] in tokens: what a request costs that may have been read.
fn prompt() -> Cost {
    let tokens = chat("m").estimated_prompt_tokens();
    Cost { requests: 1, tokens, nano_usd: tokens * 1_000 }
}

const REQUEST: Cost = Cost { requests: 1, tokens: 0, nano_usd: 0 };
const NOTHING: Cost = Cost { requests: 0, tokens: 0, nano_usd: 0 };
/// Three tokens in, one out.
const BILLED: Cost = Cost { requests: 1, tokens: 4, nano_usd: 3 * 1_000 + 10_000 };

fn json() -> Response<Full<Bytes>> {
    Response::builder().header("content-type", "application/json").body(Full::from(WHOLE)).unwrap()
}

fn refusal(dimension: Dimension) -> Refusal {
    let retry_after = Some(Duration::from_millis(1500));
    Refusal { kind: SubjectKind::Caller, id: "x".into(), dimension, limit: 60, used: 60, asked: 1, retry_after }
}

/// What one answer of the inner service settles to, when it has been read to its end.
async fn settled<B, E>(answer: impl Fn() -> Result<Response<B>, E> + Clone) -> Cost
where
    B: http_body::Body<Data = Bytes>,
    E: Into<BoxError>,
{
    let store = Script::default();
    let service = service_fn(|_: Request<ChatRequest>| std::future::ready(answer()));
    if let Ok(response) = layer(&store).layer(service).oneshot(ask()).await {
        let _ = response.into_body().collect().await;
    }
    let costs = store.costs();
    assert_eq!(costs.len(), 1);
    costs[0]
}

#[tokio::test]
async fn an_answer_settles_to_what_was_billed() {
    assert_eq!(settled(|| Ok::<_, Infallible>(json())).await, BILLED);
    let other = || {
        let mut response = json();
        response.extensions_mut().insert(Served::new("p", "other"));
        Ok::<_, Infallible>(response)
    };
    assert_eq!(settled(other).await.nano_usd, 2 * BILLED.nano_usd, "the price of the model that served");
    let unknown = || {
        let mut response = json();
        response.extensions_mut().insert(Served::new("p", "unknown"));
        Ok::<_, Infallible>(response)
    };
    assert_eq!(settled(unknown).await, BILLED, "the price of the model that was asked for");
}

#[tokio::test]
async fn what_reached_nobody_costs_nothing_and_what_failed_costs_its_request() {
    let refused = |status: u16| move || Ok::<_, Infallible>(status_of(status));
    for status in [400, 401, 403, 404, 413, 429] {
        assert_eq!(settled(refused(status)).await, NOTHING, "{status}");
        let dialled = move || {
            let mut response = status_of(status);
            response.extensions_mut().insert(UsageCell::new());
            Ok::<_, Infallible>(response)
        };
        assert_eq!(settled(dialled).await, REQUEST, "{status}");
    }
    for (status, cost) in [(500, REQUEST), (502, REQUEST), (503, REQUEST), (504, prompt())] {
        assert_eq!(settled(refused(status)).await, cost, "{status}");
    }
    let late = || {
        let mut response = status_of(504);
        response.extensions_mut().insert(Served::new("p", "m"));
        Ok::<_, Infallible>(response)
    };
    assert_eq!(settled(late).await, prompt(), "it may have read the prompt, whoever names itself");
    let store = Script::default();
    let unreachable = service_fn(async |mut request: Request<ChatRequest>| {
        let cell = UsageCell::new();
        cell.record(|seen| seen.failure = Some("connect_timeout".to_owned()));
        let attempts = Attempts::of(request.extensions_mut());
        let number = attempts.begin("p", "m", cell);
        attempts.answered(number, StatusCode::GATEWAY_TIMEOUT);
        Ok::<_, Infallible>(status_of(504))
    });
    let _ = layer(&store).layer(unreachable).oneshot(ask()).await.unwrap();
    assert_eq!(store.costs(), [REQUEST], "who was not reached has read nothing");
    let seen = || {
        let cell = UsageCell::new();
        cell.record(|seen| seen.usage = Some(Usage { input: 3, output: 1, ..Usage::default() }));
        let mut response = status_of(502);
        response.extensions_mut().insert(cell);
        Ok::<_, Infallible>(response)
    };
    assert_eq!(settled(seen).await, BILLED);
    for (kind, cost) in [(io::ErrorKind::ConnectionRefused, REQUEST), (io::ErrorKind::TimedOut, prompt())] {
        assert_eq!(settled(move || Err::<Response<Empty<Bytes>>, _>(io::Error::from(kind))).await, cost, "{kind}");
    }
}

fn status_of(status: u16) -> Response<Empty<Bytes>> {
    Response::builder().status(status).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_body_that_is_not_polled_to_its_end_is_settled_in_time() {
    let store = Script::default();
    let service = service_fn(async |_: Request<ChatRequest>| Ok::<_, Infallible>(json()));
    let mut body = layer(&store).layer(service).oneshot(ask()).await.unwrap().into_body();
    assert!(store.costs().is_empty());
    body.frame().await.unwrap().unwrap();
    assert_eq!(store.costs(), [BILLED], "hyper asks no more");
    drop(body);
    assert_eq!(store.costs().len(), 1);
}

#[tokio::test]
async fn a_stream_that_is_left_costs_what_was_delivered() {
    const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"12345678\"}}]}\n\n";
    for taken in 0..4 {
        let store = Script::default();
        let service = service_fn(async |_: Request<ChatRequest>| {
            let events = tokio_stream::iter((0..9).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from(EVENT)))));
            let response = Response::builder().header("content-type", "text/event-stream");
            Ok::<_, Infallible>(response.body(StreamBody::new(events)).unwrap())
        });
        let mut body = layer(&store).layer(service).oneshot(ask()).await.unwrap().into_body();
        for _ in 0..taken {
            body.frame().await.unwrap().unwrap();
        }
        assert!(store.costs().is_empty(), "the permit lasts");
        drop(body);
        assert_eq!(store.costs()[0].tokens, prompt().tokens + 2 * taken);
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_pays_for_the_prompt() {
    let store = Script::default();
    let silent = service_fn(|_: Request<ChatRequest>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    let mut call = tokio_test::task::spawn(layer(&store).layer(silent).oneshot(ask()));
    assert!(call.poll().is_pending());
    drop(call);
    assert_eq!(store.costs(), [prompt()]);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_admission_pays_nothing() {
    let store = Script::default();
    store.next(Next::Hang);
    let nobody =
        service_fn(|_: Request<ChatRequest>| -> std::future::Ready<Result<Response<Empty<Bytes>>, Infallible>> {
            panic!("nobody is asked")
        });
    let mut call = tokio_test::task::spawn(layer(&store).layer(nobody).oneshot(ask()));
    assert!(call.poll().is_pending());
    drop(call);
    assert!(store.costs().is_empty());
}

#[tokio::test]
async fn a_panic_inside_is_settled() {
    let store = Script::default();
    let panics =
        service_fn(async |_: Request<ChatRequest>| -> Result<Response<Empty<Bytes>>, Infallible> { panic!("planted") });
    assert!(tokio::spawn(layer(&store).layer(panics).oneshot(ask())).await.is_err_and(|error| error.is_panic()));
    let panics =
        service_fn(|_: Request<ChatRequest>| -> std::future::Ready<Result<Response<Empty<Bytes>>, Infallible>> {
            panic!("planted")
        });
    assert!(tokio::spawn(layer(&store).layer(panics).oneshot(ask())).await.is_err_and(|error| error.is_panic()));
    assert_eq!(store.costs(), [prompt(), NOTHING]);
}

#[tokio::test]
async fn without_limits_the_store_is_not_asked_and_the_service_is_called_at_once() {
    let store = Script::default();
    let service = service_fn(async |_: Request<ChatRequest>| {
        let mut response = json();
        response.headers_mut().insert("x-ratelimit-limit-tokens", 7.into());
        Ok::<_, Infallible>(response)
    });
    let mut request = ask();
    request.extensions_mut().insert(Principal::new("alice").scopes([Scope::new("team")]));
    let response = layer(&store).layer(service).oneshot(request).await.unwrap();
    assert!(response.extensions().get::<UsageCell>().is_none() && response.headers().len() == 1, "{response:?}");
    assert!(store.lock().asked.is_empty());
}

#[tokio::test]
async fn the_ask_names_the_caller_and_the_estimate() {
    let store = Script::default();
    let service = service_fn(async |_: Request<ChatRequest>| Ok::<_, Infallible>(json()));
    let mut request = ask();
    let team = Scope::new("team").limits(Limits::new().parallel(2));
    request.extensions_mut().insert(Principal::new("alice").limits(limits()).scopes([team]));
    layer(&store).layer(service).oneshot(request).await.unwrap();
    let ask = store.lock().asked.pop().unwrap();
    let names: Vec<_> = ask.subjects.iter().map(|subject| (subject.kind, &*subject.id)).collect();
    assert_eq!(names, [(SubjectKind::Caller, "alice"), (SubjectKind::Scope, "team")]);
    let prompt = prompt();
    assert_eq!((ask.estimate.tokens, ask.estimate.nano_usd), (prompt.tokens + 9, prompt.nano_usd + 9 * 10_000));
    assert!(ask.enforce);
}

#[tokio::test]
async fn a_refusal_is_a_response_that_says_how_much_is_left() {
    let store = Script::default();
    let reset = Duration::from_secs(360);
    store.lock().left.requests = Some(Allowance { limit: 60, remaining: 0, reset });
    store.next(Next::Refuse(refusal(Dimension::Requests)));
    let nobody = service_fn(async |_: Request<ChatRequest>| -> Result<Response<Empty<Bytes>>, Infallible> {
        panic!("not asked")
    });
    let response = layer(&store).layer(nobody).oneshot(ask()).await.unwrap();
    assert_eq!(response.status(), 429);
    for (name, value) in [
        ("retry-after", "2"),
        ("retry-after-ms", "1500"),
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "6m0s"),
    ] {
        assert_eq!(response.headers()[name], value);
    }
    assert!(!response.headers().contains_key("x-ratelimit-shadow"));
    assert_eq!(response.extensions().get(), Some(&refusal(Dimension::Requests)));
    assert!(store.costs().is_empty());
}

#[tokio::test]
async fn a_store_that_fails_is_a_503_without_its_words() {
    let store = Script::default();
    store.next(Next::Fail).next(Next::Fail);
    let service = service_fn(async |_: Request<ChatRequest>| Ok::<_, Infallible>(json()));
    let response = layer(&store).layer(service).oneshot(ask()).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(!std::str::from_utf8(&body).unwrap().contains("10.0.0.1"));
    assert_eq!(layer(&store).shadow().layer(service).oneshot(ask()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn in_the_shadow_nobody_is_refused() {
    let store = Script::default();
    store.next(Next::Overrun(refusal(Dimension::Budget))).next(Next::Refuse(refusal(Dimension::Tokens)));
    let service = service_fn(async |_: Request<ChatRequest>| Ok::<_, Infallible>(json()));
    let shadow = layer(&store).shadow().layer(service);
    for (model, word) in [("m", Some("budget")), ("m", Some("tokens")), ("unpriced", Some("price")), ("m", None)] {
        let response = shadow.clone().oneshot(Request::new(chat(model))).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers().get("x-ratelimit-shadow").and_then(|word| word.to_str().ok()), word);
        assert_eq!(response.extensions().get::<Refusal>().is_some(), matches!(word, Some("budget" | "tokens")));
        response.into_body().collect().await.unwrap();
    }
    assert!(store.lock().asked.iter().all(|ask| !ask.enforce));
    assert_eq!(store.costs().len(), 3);
}

#[tokio::test]
async fn a_budget_refuses_what_it_cannot_price() {
    let store = Script::default();
    let service = service_fn(async |_: Request<ChatRequest>| Ok::<_, Infallible>(json()));
    let response = layer(&store).layer(service).oneshot(Request::new(chat("unpriced"))).await.unwrap();
    assert_eq!(response.status(), 403);
    let without = layer(&store).anonymous(Limits::new().parallel(1)).layer(service);
    assert_eq!(without.oneshot(Request::new(chat("unpriced"))).await.unwrap().status(), 200);
    assert_eq!(store.lock().asked.len(), 1);
}

#[tokio::test]
async fn what_was_answered_is_expected_the_next_time() {
    let store = Script::default();
    let service = service_fn(async |_: Request<ChatRequest>| Ok::<_, Infallible>(json()));
    let service = layer(&store).default_output(77).layer(service);
    let chat = ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user"}]}"#).unwrap();
    for output in [77, 1, 1] {
        let response = service.clone().oneshot(Request::new(chat.clone())).await.unwrap();
        response.into_body().collect().await.unwrap();
        let asked = store.lock().asked.last().unwrap().estimate.tokens;
        assert_eq!(asked - chat.estimated_prompt_tokens(), output);
    }
}

/// One provider's answer was no use though it was paid for, and another one answered.
#[tokio::test]
async fn only_the_answer_that_served_is_expected_the_next_time() {
    let store = Script::default();
    let service = service_fn(async |mut request: Request<ChatRequest>| {
        let attempts = Attempts::of(request.extensions_mut());
        let cell = UsageCell::new();
        let usage = |output| Some(Usage { input: 3, output, ..Usage::default() });
        cell.record(|seen| (seen.usage, seen.complete) = (usage(500), true));
        let failed = attempts.begin("p", "m", cell);
        attempts.answered(failed, StatusCode::BAD_GATEWAY);
        let cell = UsageCell::new();
        cell.record(|seen| (seen.usage, seen.complete) = (usage(1), true));
        let served = attempts.begin("p", "m", cell.clone());
        attempts.answered(served, StatusCode::OK);
        let mut response = json();
        response.extensions_mut().insert(cell);
        Ok::<_, Infallible>(response)
    });
    let service = layer(&store).default_output(77).layer(service);
    let chat = ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user"}]}"#).unwrap();
    for output in [77, 1] {
        let response = service.clone().oneshot(Request::new(chat.clone())).await.unwrap();
        response.into_body().collect().await.unwrap();
        let asked = store.lock().asked.last().unwrap().estimate.tokens;
        assert_eq!(asked - chat.estimated_prompt_tokens(), output);
    }
    let cost = store.costs()[0];
    assert_eq!((cost.requests, cost.tokens), (1, 503 + 4), "both are paid for");
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let store = Script::default();
    store.next(Next::Refuse(refusal(Dimension::Tokens)));
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let service = service_fn(move |_: Request<ChatRequest>| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok::<_, Infallible>(json()))
    });
    // tower's own limit panics if one is called that was not polled ready.
    let mut service = layer(&store).layer(ConcurrencyLimitLayer::new(1).layer(service));
    for status in [429, 200, 200] {
        let mut request = ask();
        request.extensions_mut().insert(Principal::new("alice").limits(limits()));
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), status);
    }
    let call = service.ready().await.unwrap().call(ask());
    let mut other = service.clone();
    let mut ready = tokio_test::task::spawn(other.ready());
    assert!(ready.poll().is_pending(), "one permit");
    drop(call);
    assert!(matches!(ready.poll(), Poll::Ready(Ok(_))));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_report_is_the_callers_own() {
    let store = Script::default();
    store.lock().standing.requests = Some(Allowance { limit: 60, remaining: 1, reset: Duration::from_secs(5) });
    let layer = layer(&store).clock(ManualClock::new(Duration::from_secs(1_000)));
    let inner =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(ApiError::unknown_url().into_response::<Empty<Bytes>>()));
    let service = UsageEndpoint::new(inner, layer.usage());
    let get = |method: &str, path: &str| {
        let mut request = Request::builder().method(method).uri(path).body(()).unwrap();
        let scopes = [Scope::new("free"), Scope::new("team").limits(limits())];
        request.extensions_mut().insert(Principal::new("alice").limits(limits()).scopes(scopes));
        request
    };
    let response = service.clone().oneshot(get("GET", "/v1/usage")).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let report: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&report["id"], &report["requests"]["reset_at"]), (&"alice".into(), &1005.into()));
    assert_eq!(
        (&report["scopes"][0]["requests"], &report["scopes"][1]["requests"]["remaining"]),
        (&().into(), &1.into())
    );

    let response = service.clone().oneshot(get("POST", "/v1/usage")).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"GET, HEAD".parse().unwrap()));
    assert_eq!(service.clone().oneshot(get("GET", "/v1/usage/")).await.unwrap().status(), 404);
    store.next(Next::Fail);
    assert_eq!(service.oneshot(get("GET", "/v1/usage")).await.unwrap().status(), 503);
}

#[test]
fn services_and_bodies_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync + 'static>() {}
    fn body<T: http_body::Body<Data = Bytes> + Send + Sync + 'static>() {}
    anywhere::<RateLimitLayer>();
    anywhere::<RateLimit<tower::util::BoxCloneSyncService<(), (), ()>>>();
    anywhere::<UsageEndpoint<UsageReport>>();
    body::<LimitBody<Full<Bytes>>>();
}

/// A decoder has the whole answer, and its provider's body does not end.
#[tokio::test]
async fn what_a_decoder_has_seen_whole_is_settled_before_the_body_ends() {
    for complete in [false, true] {
        let store = Script::default();
        let service = service_fn(move |_: Request<ChatRequest>| {
            let cell = UsageCell::new();
            let usage = Usage { input: 3, output: 1, ..Usage::default() };
            cell.record(|seen| (seen.usage, seen.complete) = (Some(usage), complete));
            let frames = ["data: {}\n\n"; 2].map(|event| Ok::<_, Infallible>(Frame::data(Bytes::from(event))));
            let mut response = Response::new(StreamBody::new(tokio_stream::iter(frames)));
            response.extensions_mut().insert(cell);
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let mut body = layer(&store).layer(service).oneshot(ask()).await.unwrap().into_body();
        assert_eq!(store.costs(), []);
        body.frame().await.unwrap().unwrap();
        assert_eq!(store.costs(), if complete { vec![BILLED] } else { Vec::new() });
        assert!(body.frame().await.is_some(), "the rest passes");
    }
}

#[tokio::test]
async fn a_body_says_how_long_it_is_and_when_it_ends() {
    for limits in [limits(), Limits::new()] {
        let service = service_fn(async |_: Request<ChatRequest>| Ok::<_, Infallible>(json()));
        let mut request = ask();
        request.extensions_mut().insert(Principal::new("alice").limits(limits));
        let mut body = layer(&Script::default()).layer(service).oneshot(request).await.unwrap().into_body();
        assert_eq!((body.is_end_stream(), body.size_hint().exact()), (false, Some(WHOLE.len() as u64)));
        body.frame().await.unwrap().unwrap();
        assert_eq!((body.is_end_stream(), body.size_hint().exact()), (true, Some(0)));
    }
}
