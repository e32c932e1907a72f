//! Each layer stands alone, and all of them work with tower's and tower-http's layers in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use support::{
    Answered, DONE, Gateway, SOON, STREAM, WHOLE, ask, models, openai, post, read, says, send, stack, stops,
};
use tower::limit::{ConcurrencyLimit, ConcurrencyLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::retry::{Policy, RetryLayer};
use tower::timeout::{Timeout, TimeoutLayer};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_completions::auth::Auth;
use tower_completions::chat::Chat;
use tower_completions::client::Client;
use tower_completions::mock::{Answer, Mock};
use tower_completions::route::{BoxBody, Models};
use tower_completions::translate::{AnswerBody, OpenAi, OpenAiDecoder, Translate};
use tower_completions::{
    ApiError, AuthLayer, BoxError, ChatLayer, ChatRequest, Endpoint, Key, MemoryKeys, Model, ModelFilter, ModelRouter,
    Principal, ResponseBody, Served, TranslateLayer, UsageCell,
};
use tower_http::limit::{RequestBodyLimit, RequestBodyLimitLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

/// What axum and hyper want of a service, its future and its body.
const fn fits<S, B, ResB>()
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    ResB: Body + Send + 'static,
{
}

const fn is_layer<L: Clone + Send + Sync + std::fmt::Debug + 'static>() {}

type Incoming = axum::body::Body;
type Upstream = Translate<OpenAi, Client>;

const _: () = {
    fits::<Upstream, ChatRequest, ResponseBody<AnswerBody<OpenAiDecoder, tower_completions::client::Incoming>>>();
    fits::<Translate<OpenAi, Mock>, ChatRequest, _>();
    fits::<Timeout<ConcurrencyLimit<Upstream>>, ChatRequest, _>();
    fits::<ModelRouter, ChatRequest, ResponseBody<BoxBody>>();
    fits::<Chat<ModelRouter>, Incoming, _>();
    fits::<Chat<Upstream>, Incoming, _>();
    fits::<RequestBodyLimit<Chat<ModelRouter>>, Incoming, _>();
    fits::<Auth<Chat<ModelRouter>, MemoryKeys>, Incoming, _>();
    fits::<Models, Incoming, _>();
    fits::<Endpoint<Chat<ModelRouter>>, Incoming, _>();
    fits::<Auth<Endpoint<Chat<ModelRouter>>, MemoryKeys>, Incoming, _>();
    fits::<Client, Full<Bytes>, _>();
    fits::<Mock, ChatRequest, _>();
    is_layer::<ChatLayer>();
    is_layer::<AuthLayer<MemoryKeys>>();
    is_layer::<TranslateLayer<OpenAi>>();
};

fn whole() -> Mock {
    let mock = Mock::openai();
    mock.always(Answer::json(200, WHOLE));
    mock
}

fn is_whole(answer: &Answered) -> bool {
    answer.status == 200 && answer.text() == WHOLE && !answer.broke
}

#[tokio::test]
async fn each_layer_stands_alone() {
    // Auth around any service, with any body.
    let keys = MemoryKeys::from_keys([Key::new("alice", "sk-alice").unwrap()]).unwrap();
    let greet = service_fn(async |request: Request<u8>| {
        let name = request.extensions().get::<Principal>().unwrap().id.to_string();
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(name))))
    });
    let request = Request::builder().header("authorization", "Bearer sk-alice").body(7_u8).unwrap();
    assert_eq!(send(&AuthLayer::new(keys).layer(greet), request).await.text(), "alice");

    // The border around a service of the host's own, which needs no router and no translation.
    let echo = service_fn(async |request: Request<ChatRequest>| {
        assert!(
            !request.headers().contains_key("content-length") && !request.headers().contains_key("transfer-encoding")
        );
        Ok::<_, io::Error>(Response::new(request.into_body()))
    });
    let mut request = post(ask(""));
    request.headers_mut().insert("content-length", "56".parse().unwrap());
    let answer = send(&ChatLayer::new().layer(echo), request).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, &*ask("")));

    // A ChatRequest is a body: a client that knows nothing of us can send it.
    let mock = whole();
    assert!(is_whole(&send(&ChatLayer::new().layer(mock.clone()), post(ask(""))).await));
    assert_eq!(mock.requests()[0].body, ask(""));

    // Translation without a border, as in a command-line tool.
    let chat = ChatRequest::from_bytes(ask("")).unwrap();
    let answer = read(openai("http://upstream.test", mock).oneshot(Request::new(chat.clone())).await.unwrap()).await;
    assert!(is_whole(&answer) && answer.observed.is_some_and(|seen| seen.complete));

    // The router without a border.
    let response = models(openai("http://upstream.test", whole())).oneshot(Request::new(chat.clone())).await.unwrap();
    assert_eq!(*response.extensions().get::<Served>().unwrap().model, *"m");
    assert!(response.extensions().get::<UsageCell>().is_some());
    let unknown = ModelRouter::default().oneshot(Request::new(chat)).await.unwrap();
    read(unknown).await.expect_error(404, "invalid_request_error", Some("model_not_found"), Some("model"));
}

#[tokio::test]
async fn a_host_may_know_its_callers_itself() {
    let stack = stack(&whole());
    for (filter, status) in [(ModelFilter::all(), 200), (ModelFilter::none(), 404), (ModelFilter::new(["gpt-*"]), 404)]
    {
        let mut request = post(ask(""));
        request.extensions_mut().insert(Principal::new("alice").models(filter));
        assert_eq!(send(&stack, request).await.status, status);
    }
    assert_eq!(send(&stack, post(ask(""))).await.status, 200, "without a principal everything is allowed");
}

#[tokio::test]
async fn tower_http_fits_between_everything() {
    let mock = whole();
    let ids = || SetRequestIdLayer::x_request_id(MakeRequestUuid);
    let provider = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(SetResponseHeaderLayer::overriding(http::header::SERVER, http::HeaderValue::from_static("us")))
        .layer(TranslateLayer::new(OpenAi::new("http://upstream.test/v1").unwrap()))
        .layer(TraceLayer::new_for_http())
        .service(mock.clone());
    let service = ServiceBuilder::new()
        .layer(ids())
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http())
        .layer(RequestBodyLimitLayer::new(1000))
        .layer(ChatLayer::new())
        .layer(TraceLayer::new_for_http())
        .layer(PropagateRequestIdLayer::x_request_id())
        .service(ModelRouter::new([Model::new("m", provider)]));
    let answer = send(&service, post(ask(""))).await;
    assert!(is_whole(&answer));
    assert_eq!(answer.header("server"), Some("us"));
    assert!(answer.headers.contains_key("x-request-id"));
    assert!(mock.requests()[0].header("x-request-id").is_none(), "the id is not the upstream's business");

    mock.answer(Answer::sse(says("Hi") + &stops(0) + DONE));
    assert_eq!(send(&service, post(ask(STREAM))).await.text(), says("Hi") + &stops(0) + DONE);

    // RequestBodyLimit: its own text for an announced length, and our words when it is found out while reading.
    let large = format!("{:2000}", ask(""));
    let piecewise = |text: &str| {
        let pieces: Vec<_> = text.as_bytes().chunks(300).map(Bytes::copy_from_slice).collect();
        StreamBody::new(tokio_stream::iter(pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)))))
    };
    let request = post(ask("")).map(|_| piecewise(&large));
    send(&service, request).await.expect_error(413, "invalid_request_error", Some("request_too_large"), None);
    let request = post(ask("")).map(|_| piecewise(&ask("")));
    assert_eq!(send(&service, request).await.status, 200);
    assert_eq!(mock.received(), 3);
}

#[tokio::test]
async fn request_extensions_reach_the_client_below() {
    let seen = service_fn(async |request: Request<Full<Bytes>>| {
        assert!(request.extensions().get::<RequestId>().is_some());
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(WHOLE.as_bytes()))))
    });
    let stack = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(ChatLayer::new())
        .service(models(openai("http://upstream.test", seen)));
    assert!(is_whole(&send(&stack, post(ask(""))).await));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_a_504_wherever_it_stands() {
    let mock = Mock::openai();
    mock.always(Answer::json(200, WHOLE).delay_head(Duration::from_secs(3600)));
    let layer = || TimeoutLayer::new(Duration::from_secs(5));
    let dialect = || TranslateLayer::new(OpenAi::new("http://upstream.test").unwrap());
    let outside = ChatLayer::new().layer(layer().layer(models(dialect().layer(mock.clone()))));
    let between = ChatLayer::new().layer(models(layer().layer(dialect().layer(mock.clone()))));
    let below = ChatLayer::new().layer(models(dialect().layer(layer().layer(mock.clone()))));
    for more in ["", STREAM] {
        send(&outside, post(ask(more))).await.expect_error(504, "server_error", Some("timeout"), None);
        send(&between, post(ask(more))).await.expect_error(504, "server_error", Some("timeout"), None);
        send(&below, post(ask(more))).await.expect_error(504, "server_error", Some("timeout"), None);
    }
    assert_eq!((mock.received(), mock.in_flight(), mock.dropped()), (6, 0, 6));

    // A stream that is silent after the head has no first event, so above the translation its time runs out too.
    mock.always(Answer::sse(": hello\n\n").stall_after(9));
    send(&between, post(ask(STREAM))).await.expect_error(504, "server_error", Some("timeout"), None);
    assert_eq!(mock.in_flight(), 0);
}

#[tokio::test]
async fn a_full_house_is_a_503_and_a_slow_upload_holds_no_place() {
    let mock = Mock::openai();
    mock.answer(Answer::json(200, WHOLE).delay_head(Duration::MAX)).always(Answer::json(200, WHOLE));
    let limited = ServiceBuilder::new().layer(LoadShedLayer::new()).layer(ConcurrencyLimitLayer::new(1));
    let stack = ChatLayer::new().layer(limited.service(models(openai("http://upstream.test", mock.clone()))));

    // Somebody who sends nothing yet.
    let silent = StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, Infallible>>());
    let mut upload = pin!(send(&stack, post(ask("")).map(|_| silent)));
    assert!(tokio::time::timeout(Duration::from_millis(10), &mut upload).await.is_err());

    let (first, service) = (post(ask("")), stack.clone());
    let first = tokio::spawn(async move { send(&service, first).await.status });
    mock.wait_for_requests(1).await;
    for more in ["", STREAM] {
        send(&stack, post(ask(more))).await.expect_error(503, "server_error", Some("server_is_overloaded"), None);
    }
    first.abort();
    drop(first.await);
    tokio::time::timeout(SOON, mock.wait_for_drop()).await.unwrap();
    assert!(is_whole(&send(&stack, post(ask(""))).await), "the place is free again");
    assert_eq!(mock.received(), 2);
}

/// Tries again as long as the answer is not a success, three times in all.
#[derive(Clone)]
struct Again(usize);

impl<B, E> Policy<Request<ChatRequest>, Response<B>, E> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Request<ChatRequest>, result: &mut Result<Response<B>, E>) -> Option<Ready<()>> {
        let is_good = result.as_ref().is_ok_and(|response| response.status().is_success());
        (!is_good && self.0 > 0).then(|| {
            self.0 -= 1;
            ready(())
        })
    }

    fn clone_request(&mut self, request: &Request<ChatRequest>) -> Option<Request<ChatRequest>> {
        Some(request.clone())
    }
}

#[tokio::test]
async fn retries_send_the_same_bytes_again_and_see_early_failures() {
    let mock = Mock::openai();
    let retried = RetryLayer::new(Again(2)).layer(openai("http://upstream.test", mock.clone()));
    let stack = ChatLayer::new().layer(models(retried));
    let error_first = "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}\n\n";
    let stream = says("Hi") + &stops(0) + DONE;
    let rename = |more: &str| ask(more).replace("\"m\"", "\"mini\"");

    mock.answer(Answer::error(503)).answer(Answer::refuse()).answer(Answer::json(200, WHOLE));
    assert!(is_whole(&send(&stack, post(rename(""))).await));
    mock.answer(Answer::sse(error_first))
        .answer(Answer::sse(says("x")).end_after(9))
        .answer(Answer::sse(stream.clone()));
    let answer = send(&stack, post(rename(STREAM))).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, &*stream));
    assert!(answer.observed.is_some_and(|seen| seen.complete && seen.failure.is_none()));
    let sent: Vec<_> = mock.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(sent.len(), 6);
    assert!(sent[..3].iter().all(|body| *body == ask("").replace("\"m\"", "\"gpt-4o-mini\"")));
    assert!(sent[3..].iter().all(|body| body == &sent[3]));

    mock.always(Answer::error(503));
    send(&stack, post(rename(""))).await.expect_error(503, "server_error", Some("server_is_overloaded"), None);
    assert_eq!(mock.received(), 9);
    mock.always(Answer::fail(io::ErrorKind::ConnectionReset));
    send(&stack, post(rename(""))).await.expect_error(502, "server_error", Some("upstream_error"), None);
    assert_eq!(mock.received(), 12);
    // After the first byte nothing is tried again.
    mock.answer(Answer::sse(stream.clone()).cut_after(says("Hi").len()));
    assert!(send(&stack, post(rename(STREAM))).await.text().starts_with(&says("Hi")));
    assert_eq!(mock.received(), 13);
}

/// A host's own stream, which breaks after these bytes.
fn breaking(
    kind: &'static str,
    text: String,
    error: fn() -> BoxError,
) -> impl Service<Request<ChatRequest>, Response = Response<BoxBody>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(move |_: Request<ChatRequest>| {
        let frames = [Ok(Frame::data(Bytes::from(text.clone()))), Err(error())];
        let body = StreamBody::new(tokio_stream::iter(frames)).boxed_unsync();
        let response = Response::builder().header("content-type", kind).body(body).unwrap();
        ready(Ok::<_, BoxError>(response))
    })
}

#[tokio::test]
async fn a_hosts_stream_that_breaks_between_events_ends_in_an_event() {
    let elapsed: fn() -> BoxError = || Box::new(tower::timeout::error::Elapsed::new());
    let own: fn() -> BoxError = || Box::new(ApiError::overloaded("gone").with_code("mine"));
    let reset: fn() -> BoxError = || "planted: 10.0.0.1".into();
    for ending in ["\n", "\r\n", "\r"] {
        let text = (says("Hi") + ": ping\n\n").replace('\n', ending);
        for (error, code) in [(elapsed, "timeout"), (own, "mine"), (reset, "upstream_error")] {
            for (text, kind) in
                [(text.clone(), "text/event-stream"), (String::new(), "text/event-stream; charset=utf-8")]
            {
                let stack = ChatLayer::new().layer(models(breaking(kind, text.clone(), error)));
                let answer = send(&stack, post(ask(STREAM))).await;
                let event = answer.text().strip_prefix(&text).unwrap();
                assert!(!answer.broke && event.ends_with("}}\n\n") && !event.contains("planted"), "{event}");
                let event = event.strip_prefix("data: ").unwrap();
                support::assert_error(&serde_json::from_str(event).unwrap(), "server_error", Some(code), None);
            }
        }
    }
}

#[tokio::test]
async fn inside_an_event_or_an_unstreamed_answer_the_connection_breaks() {
    let reset: fn() -> BoxError = || "planted".into();
    let inside = says("Hi");
    for (kind, text) in [
        ("text/event-stream", inside[..20].to_owned()),
        ("text/event-stream", inside[..inside.len() - 1].to_owned()),
        ("text/event-stream", inside.clone() + "d"),
        ("text/event-stream", inside.replace('\n', "\r\n")[..inside.len()].to_owned()),
        ("application/json", WHOLE[..20].to_owned()),
        ("application/json", "\n\n".to_owned()),
    ] {
        let router = models(breaking(kind, text.clone(), reset));
        let answer = send(&ChatLayer::new().layer(router.clone()), post(ask(STREAM))).await;
        assert_eq!((answer.text(), answer.broke), (&*text, true));
        // And so it does on the wire, be it after the head or before it has left.
        let gateway = Gateway::serve(router).await;
        let mut request = post(ask(STREAM));
        *request.uri_mut() = format!("{}/v1/chat/completions", gateway.base_url).parse().unwrap();
        if let Ok(response) = Client::new().oneshot(request).await {
            let answer = read(response).await;
            assert!(answer.broke && !answer.text().contains("planted") && text.starts_with(answer.text()));
        }
    }
}

#[tokio::test]
async fn errors_from_below_say_nothing_of_what_is_below() {
    let io = |kind: io::ErrorKind| -> BoxError { io::Error::new(kind, "planted 10.0.0.1").into() };
    for (error, status, code) in [
        (io(io::ErrorKind::TimedOut), 504, "timeout"),
        (io(io::ErrorKind::ConnectionRefused), 502, "upstream_unreachable"),
        (io(io::ErrorKind::ConnectionReset), 502, "upstream_error"),
        (io(io::ErrorKind::UnexpectedEof), 502, "upstream_error"),
        (io::Error::other(ApiError::upstream_auth()).into(), 502, "upstream_auth_error"),
        ("planted".into(), 502, "upstream_error"),
    ] {
        let error = Arc::new(std::sync::Mutex::new(Some(error)));
        let failing = service_fn(move |_: Request<ChatRequest>| {
            ready(Err::<Response<Full<Bytes>>, BoxError>(
                error.lock().unwrap().take().unwrap_or_else(|| "twice".into()),
            ))
        });
        let answer = send(&ChatLayer::new().layer(failing), post(ask(""))).await;
        answer.expect_error(status, "server_error", Some(code), None);
        assert!(!answer.text().contains("planted"));
    }
}

#[tokio::test]
async fn bodies_say_when_they_end() {
    let mock = whole();
    for answer in [Answer::json(200, WHOLE), Answer::error(400), Answer::error(500)] {
        mock.answer(answer);
        let Ok(response) = stack(&mock).oneshot(post(ask(""))).await;
        let mut body = response.into_body();
        let length = body.size_hint().exact().expect("a whole answer knows its length");
        assert!(!body.is_end_stream());
        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(data.len() as u64, length);
        assert!(body.is_end_stream() && body.size_hint().exact() == Some(0));
        assert!(body.frame().await.is_none());
    }
    let Ok(response) = ChatLayer::new().layer(ModelRouter::default()).oneshot(post(ask(""))).await;
    assert!(response.body().size_hint().exact().is_some_and(|length| length > 0));

    mock.answer(Answer::sse(says("Hi") + &stops(0) + DONE));
    let Ok(response) = stack(&mock).oneshot(post(ask(STREAM))).await;
    let mut body = response.into_body();
    assert_eq!(body.size_hint().exact(), None);
    let mut frames = 0;
    while let Some(frame) = body.frame().await {
        assert!(!frame.unwrap().into_data().unwrap().is_empty());
        frames += 1;
    }
    assert_eq!(frames, 3);
    assert!(body.frame().await.is_none(), "it stays ended");
}

#[tokio::test]
async fn the_truth_is_known_before_the_last_bytes_leave() {
    let mock = Mock::openai();
    mock.answer(Answer::json(200, WHOLE)).answer(Answer::sse(says("Hi") + &stops(0) + &support::bills() + DONE));
    for more in ["", STREAM] {
        let Ok(response) = stack(&mock).oneshot(post(ask(more))).await;
        let cell = response.extensions().get::<UsageCell>().unwrap().clone();
        let mut body = response.into_body();
        let mut last = Bytes::new();
        while !cell.observed().complete {
            last = body.frame().await.unwrap().unwrap().into_data().unwrap();
        }
        // Whoever saw the end in the bytes finds it in the cell.
        assert!(more.is_empty() || last == DONE);
        assert_eq!(cell.observed().usage.unwrap().total_tokens(), 4);
    }
}

#[tokio::test]
async fn the_border_is_always_ready_and_calls_only_what_is_ready() {
    /// Panics when it is called without having been polled.
    struct Strict(Arc<AtomicUsize>, bool);
    impl Clone for Strict {
        fn clone(&self) -> Self {
            Self(self.0.clone(), false)
        }
    }
    impl<B> Service<Request<B>> for Strict {
        type Response = Response<Full<Bytes>>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;
        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
            self.1 = true;
            std::task::Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Request<B>) -> Self::Future {
            assert!(std::mem::take(&mut self.1), "called without being ready");
            self.0.fetch_add(1, Ordering::Relaxed);
            ready(Ok(Response::new(Full::new(Bytes::from_static(WHOLE.as_bytes())))))
        }
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let strict = Strict(calls.clone(), false);
    assert_eq!(send(&ChatLayer::new().layer(strict.clone()), post(ask(""))).await.status, 200);
    assert_eq!(send(&ChatLayer::new().layer(models(strict.clone())), post(ask(""))).await.status, 200);
    let mut translate = openai("http://upstream.test", strict);
    for _ in 0..2 {
        let chat = Request::new(ChatRequest::from_bytes(ask("")).unwrap());
        let response = translate.ready().await.unwrap().call(chat).await.unwrap();
        assert!(is_whole(&read(response).await));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 4);
}
