use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::Response;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::chat::ChatLayer;
use crate::clock::ManualClock;
use crate::error::{ApiError, BoxError};
use crate::translate::{OpenAi, TranslateLayer};

const URL: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse";

type Seen = Arc<Mutex<Vec<Request<Bytes>>>>;

/// A client that notes what it is sent.
fn client(
    seen: &Seen,
) -> impl Service<Request<Full<Bytes>>, Response = Response<()>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
    let seen = Arc::clone(seen);
    service_fn(move |request: Request<Full<Bytes>>| {
        let seen = Arc::clone(&seen);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            seen.lock().unwrap().push(Request::from_parts(parts, body));
            Ok(Response::new(()))
        }
    })
}

fn ask(body: &str) -> Request<Full<Bytes>> {
    Request::from_parts(post(Uri::from_static(URL)), Full::from(body.to_owned()))
}

/// Checks a signature against one that is made of nothing but what was sent.
fn verify(request: &Request<Bytes>, credentials: &Credentials, now: Duration) {
    let parts = signed(post(request.uri().clone()), request.body(), REGION, credentials, now);
    assert_eq!(request.headers()["authorization"], parts.headers["authorization"]);
}

#[tokio::test]
async fn each_attempt_is_signed_anew() {
    let (seen, clock) = (Seen::default(), ManualClock::new(NOON));
    let layer = SigV4Layer::new(REGION, credentials("AKID")).unwrap().clock(clock.clone());
    let mut service = layer.layer(client(&seen));
    for _ in 0..2 {
        service.ready().await.unwrap().call(ask("{}")).await.unwrap();
        clock.advance(Duration::from_secs(24 * 60 * 60));
    }
    let seen = seen.lock().unwrap();
    for (index, (request, date)) in seen.iter().zip(["20261122T120000Z", "20261123T120000Z"]).enumerate() {
        assert_eq!(request.headers()["x-amz-date"], date);
        assert_eq!(request.body(), "{}");
        verify(request, &credentials("AKID"), NOON + Duration::from_secs(24 * 60 * 60) * index as u32);
    }
}

#[tokio::test]
async fn a_source_that_fails_sends_nothing_and_tells_nothing() {
    let seen = Seen::default();
    let layer = SigV4Layer::new(REGION, async || Err::<Credentials, BoxError>("planted".into())).unwrap();
    let error = layer.layer(client(&seen)).oneshot(ask("{}")).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("planted"));
    let error = ApiError::from_box(error);
    assert_eq!((error.status().as_u16(), error.code()), (503, Some("upstream_credentials_unavailable")));
    assert!(seen.lock().unwrap().is_empty());
}

/// A client that asks a model behind a failing source.
#[tokio::test]
async fn a_client_learns_that_there_are_no_credentials() {
    let failing = SigV4Layer::new(REGION, async || Err::<Credentials, BoxError>("planted".into())).unwrap();
    let nobody = service_fn(async |_: Request<Full<Bytes>>| -> Result<Response<Full<Bytes>>, BoxError> {
        panic!("nothing is sent");
    });
    let upstream = TranslateLayer::new(OpenAi::new("https://upstream.test").unwrap()).layer(failing.layer(nobody));
    let body = r#"{"model": "m", "messages": [{"role": "user", "content": "x"}]}"#;
    let request = Request::post("/").body(Full::<Bytes>::from(body)).unwrap();
    let response = ChatLayer::new().layer(upstream).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 503);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(error["error"]["code"], "upstream_credentials_unavailable");
    assert_eq!(error["error"]["type"], "server_error");
    assert!(!error.to_string().contains("planted"));
}

#[tokio::test]
async fn a_request_for_no_host_is_not_sent() {
    let seen = Seen::default();
    let service = SigV4Layer::new(REGION, credentials("AKID")).unwrap().layer(client(&seen));
    let error = service.oneshot(Request::post("/model").body(Full::default()).unwrap()).await.unwrap_err();
    assert_eq!(ApiError::from_box(error).code(), Some("internal_error"));
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_once_have_the_credentials_they_name() {
    let (seen, turn) = (Seen::default(), AtomicUsize::new(0));
    let rotating = move || {
        let turn = turn.fetch_add(1, Ordering::Relaxed) % 3;
        async move { Ok(Credentials::new(format!("AKID{turn}"), &format!("secret{turn}"))?) }
    };
    let layer = SigV4Layer::new(REGION, rotating).unwrap().clock(ManualClock::new(NOON));
    let service = layer.layer(client(&seen));
    let tasks: Vec<_> = (0..200)
        .map(|number| tokio::spawn(service.clone().oneshot(ask(&format!("{{\"number\":{number}}}")))))
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 200);
    let mut used = [0; 3];
    for request in seen.iter() {
        let authorization = request.headers()["authorization"].to_str().unwrap();
        let turn = (0..3).find(|turn| authorization.contains(&format!("Credential=AKID{turn}/"))).unwrap();
        used[turn] += 1;
        let credentials = Credentials::new(format!("AKID{turn}"), &format!("secret{turn}")).unwrap();
        verify(request, &credentials, NOON);
    }
    assert!(used.iter().all(|times| *times > 60), "{used:?}");
}

#[test]
fn nothing_secret_is_printed() {
    let credentials = Credentials::new("AKID", "planted").unwrap().session_token("planted").unwrap();
    let layer = SigV4Layer::new(REGION, credentials).unwrap();
    let text = format!("{layer:?} {:?}", layer.layer("inner"));
    assert!(text.contains(REGION) && !text.contains("planted"), "{text}");
}

#[test]
fn a_region_is_checked() {
    for region in ["", "us east", "us-east-1\n", "US-EAST-1", "us/east"] {
        assert!(SigV4Layer::new(region, credentials("AKID")).is_err(), "{region:?}");
    }
}
