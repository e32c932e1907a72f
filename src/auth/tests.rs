//! The layer as a whole, around services that would notice.

use std::convert::Infallible;
use std::future::{Ready, pending, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::{BoxError, ResponseBody};

/// A body of which nobody may read.
struct Untouchable;

impl Body for Untouchable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read");
    }
}

/// Knows one key, and fails or hangs for two others.
struct Store;

impl KeyStore for Store {
    async fn lookup(&self, key: &PresentedKey) -> Result<Option<Principal>, BoxError> {
        match key.expose() {
            "sk-alice" => Ok(Some(Principal::new("alice"))),
            "sk-fails" => Err("planted: postgres://10.0.0.1".into()),
            "sk-hangs" => pending().await,
            _ => Ok(None),
        }
    }
}

/// Counts its calls, answers with the principal's id, and panics when called without having been polled: each clone anew.
#[derive(Default)]
struct Inner {
    calls: Arc<AtomicUsize>,
    ready: bool,
}

impl Clone for Inner {
    fn clone(&self) -> Self {
        Self { calls: Arc::clone(&self.calls), ready: false }
    }
}

impl<B> Service<Request<B>> for Inner {
    type Response = Response<Empty<Bytes>>;
    type Error = &'static str;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::builder();
        if let Some(principal) = request.extensions().get::<Principal>() {
            response = response.header("caller", &*principal.id);
        }
        for name in request.headers().keys() {
            response = response.header("saw", name.as_str());
        }
        ready(response.body(Empty::new()).map_err(|_| "bad response"))
    }
}

fn request(lines: &[(&str, &str)]) -> Request<Untouchable> {
    let mut request = Request::builder().method("POST").uri("/v1/chat/completions");
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(Untouchable).unwrap()
}

/// `ServiceExt::ready`, with the request's type named.
async fn polled<S: Service<Request<Untouchable>, Error: std::fmt::Debug>>(service: &mut S) -> &mut S {
    service.ready().await.unwrap()
}

async fn parts<B>(response: Response<ResponseBody<B>>) -> (u16, HeaderMap, String)
where
    B: Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), head.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_known_key_becomes_a_principal_and_leaves_the_headers() {
    for name in ["authorization", "x-api-key", "api-key"] {
        let layer = AuthLayer::new(Store).x_api_key(true).api_key(true);
        let value = if name == "authorization" { "Bearer sk-alice" } else { "sk-alice" };
        let response =
            layer.layer(Inner::default()).oneshot(request(&[(name, value), ("accept", "*/*")])).await.unwrap();
        let (status, headers, _) = parts(response).await;
        assert_eq!((status, &headers["caller"]), (200, &"alice".parse().unwrap()));
        let saw: Vec<_> = headers.get_all("saw").iter().collect();
        assert_eq!(saw, ["accept"]);
    }
}

#[tokio::test]
async fn headers_that_are_not_accepted_are_removed_too() {
    let lines = [("authorization", "Bearer sk-alice"), ("x-api-key", "planted"), ("api-key", "planted")];
    let response = AuthLayer::new(Store).layer(Inner::default()).oneshot(request(&lines)).await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers().contains_key("saw")), (200, false));
}

#[tokio::test]
async fn what_is_found_replaces_what_an_outer_login_left() {
    let mut request = request(&[("authorization", "Bearer sk-alice")]);
    request.extensions_mut().insert(Principal::new("somebody"));
    let response = AuthLayer::new(Store).layer(Inner::default()).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["caller"], "alice");
}

#[cfg(feature = "memory-keys")]
#[tokio::test]
async fn all_refusals_are_the_same_to_the_byte_and_reach_nobody() {
    use std::time::SystemTime;

    let keys = MemoryKeys::from_keys([
        Key::new("alice", "sk-alice").unwrap(),
        Key::new("expired", "sk-expired").unwrap().expires(SystemTime::UNIX_EPOCH),
        Key::new("disabled", "sk-disabled").unwrap().disabled(true),
    ])
    .unwrap();
    let inner = Inner::default();
    let calls = Arc::clone(&inner.calls);
    let service = AuthLayer::new(keys).layer(inner);
    let cases: [&[(&str, &str)]; 9] = [
        &[],
        &[("authorization", "Bearer sk-unknown")],
        &[("authorization", "Bearer sk-expired")],
        &[("authorization", "Bearer sk-disabled")],
        &[("authorization", "Basic sk-alice")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer sk-alice"), ("authorization", "Bearer sk-alice")],
        &[("x-api-key", "sk-alice")],
        &[("api-key", "sk-alice")],
    ];
    let mut answers = Vec::new();
    for lines in cases {
        answers.push(parts(service.clone().oneshot(request(lines)).await.unwrap()).await);
    }
    for (answer, lines) in answers.iter().zip(cases) {
        assert_eq!(answer, &answers[0], "{lines:?}");
    }
    let (status, headers, body) = &answers[0];
    assert_eq!((*status, headers.len()), (401, 2));
    assert_eq!(headers["www-authenticate"], "Bearer");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(body.as_bytes(), crate::ApiError::invalid_api_key().to_json());
    assert_eq!(calls.load(Ordering::Relaxed), 0);

    let good = service.oneshot(request(&[("authorization", "bearer sk-alice")])).await.unwrap();
    assert_eq!((good.status().as_u16(), calls.load(Ordering::Relaxed)), (200, 1));
}

#[tokio::test]
async fn no_method_or_path_is_exempt() {
    let service = AuthLayer::new(Store).layer(Inner::default());
    for (method, uri) in [
        ("OPTIONS", "/v1/chat/completions"),
        ("GET", "/"),
        ("HEAD", "//v1/%2e"),
        ("GET", "http://other.example/v1/models"),
    ] {
        let request =
            Request::builder().method(method).uri(uri).header("origin", "http://x").body(Untouchable).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 401, "{method} {uri}");
        assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control")));
    }
}

#[tokio::test]
async fn a_store_that_fails_is_503_without_its_text() {
    let inner = Inner::default();
    let calls = Arc::clone(&inner.calls);
    let service = AuthLayer::new(Store).layer(inner);
    let (status, _, body) =
        parts(service.oneshot(request(&[("authorization", "Bearer sk-fails")])).await.unwrap()).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 503);
    assert_eq!(body["error"]["type"], "server_error");
    assert_eq!(body["error"]["code"], "auth_unavailable");
    assert!(!body.to_string().contains("planted") && !body.to_string().contains("sk-fails"));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let mut service = AuthLayer::new(Store).layer(Inner::default());
    let good = || request(&[("authorization", "Bearer sk-alice")]);
    for _ in 0..3 {
        assert_eq!(polled(&mut service).await.call(good()).await.unwrap().status(), 200);
        assert_eq!(polled(&mut service).await.call(request(&[])).await.unwrap().status(), 401);
    }
}

#[tokio::test]
async fn one_who_is_refused_keeps_no_permit() {
    let service = AuthLayer::new(Store).layer(ConcurrencyLimitLayer::new(1).layer(Inner::default()));
    for value in ["", "Bearer sk-unknown", "Bearer sk-fails"] {
        // The connection of a stranger, which stays open and idle.
        let mut idle = service.clone();
        let response = polled(&mut idle).await.call(request(&[("authorization", value)])).await.unwrap();
        assert!(response.status().as_u16() > 400);
        let mut other = service.clone();
        assert!(tokio_test::task::spawn(polled(&mut other)).poll().is_ready(), "{value:?}");
    }
    // One who leaves during the lookup.
    let mut idle = service.clone();
    let mut call =
        tokio_test::task::spawn(polled(&mut idle).await.call(request(&[("authorization", "Bearer sk-hangs")])));
    assert!(call.poll().is_pending());
    drop(call);
    let mut other = service.clone();
    assert!(tokio_test::task::spawn(polled(&mut other)).poll().is_ready());
}

#[tokio::test]
async fn readiness_and_errors_of_the_inner_service_pass_untouched() {
    let failing = service_fn(async |_: Request<Untouchable>| Err::<Response<Empty<Bytes>>, _>("inner"));
    let failing = AuthLayer::new(Store).layer(failing);
    let error = failing.oneshot(request(&[("authorization", "Bearer sk-alice")])).await.unwrap_err();
    assert_eq!(error, "inner");

    let limited = AuthLayer::new(Store).layer(ConcurrencyLimitLayer::new(1).layer(Inner::default()));
    let (mut first, mut second) = (limited.clone(), limited);
    let permit = polled(&mut first).await;
    let mut waiting = tokio_test::task::spawn(polled(&mut second));
    assert!(waiting.poll().is_pending());
    drop(permit.call(request(&[])));
    assert!(waiting.is_woken() && waiting.poll().is_ready());
}

#[tokio::test]
async fn an_arc_of_a_store_is_a_store() {
    let service = AuthLayer::new(Arc::new(Store)).layer(Inner::default());
    let response = service.oneshot(request(&[("authorization", "Bearer sk-alice")])).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[test]
fn nothing_secret_is_printed() {
    /// A host's store that shows its secrets.
    #[derive(Debug)]
    #[expect(dead_code)]
    struct Careless(&'static str);

    impl KeyStore for Careless {
        async fn lookup(&self, _: &PresentedKey) -> Result<Option<Principal>, BoxError> {
            Ok(None)
        }
    }

    let layer = AuthLayer::new(Careless("planted"));
    let mut service = layer
        .layer(service_fn(async |_: Request<Untouchable>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))));
    let future = service.call(request(&[("authorization", "Bearer planted")]));
    let text = format!("{layer:?} {:?} {future:?}", layer.layer(()));
    assert!(text.contains("AuthLayer") && text.contains("ResponseFuture") && !text.contains("planted"), "{text}");
}

#[test]
fn service_layer_and_future_go_anywhere() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn sent<T: Send + 'static>(_: &T) {}

    let layer = AuthLayer::new(Store);
    shared(&layer);
    let mut service = layer.layer(Inner { ready: true, ..Inner::default() });
    shared(&service);
    sent(&service.call(request(&[])));
    shared(&Principal::new("alice"));
    #[cfg(feature = "memory-keys")]
    shared(&MemoryKeys::new());
}
