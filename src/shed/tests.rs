use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::ShedLayer;
use crate::auth::{Principal, Priority};
use crate::error::BoxError;

fn ask(caller: Option<Priority>) -> Request<()> {
    let mut request = Request::new(());
    if let Some(priority) = caller {
        request.extensions_mut().insert(Principal::new("x").priority(priority));
    }
    request
}

async fn whole(_: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from("abc"))))
}

#[tokio::test]
async fn a_place_is_free_again_however_the_answer_ends() {
    let shed = ShedLayer::new(1);
    let service = shed.layer(service_fn(whole));
    // Dropped before its head, before its body was read, and read to its announced end.
    drop(service.clone().oneshot(ask(None)));
    assert_eq!(shed.in_flight(), 0);
    let waiting =
        shed.layer(service_fn(async |_: Request<()>| std::future::pending::<Result<Response<()>, ()>>().await));
    let mut waiting = tokio_test::task::spawn(waiting.oneshot(ask(None)));
    assert!(waiting.poll().is_pending());
    assert_eq!(shed.in_flight(), 1);
    assert_eq!(service.clone().oneshot(ask(None)).await.unwrap().status(), 503);
    drop(waiting);
    let answer = service.clone().oneshot(ask(None)).await.unwrap();
    assert_eq!((answer.status().as_u16(), shed.in_flight()), (200, 1));
    drop(answer);
    let mut body = service.clone().oneshot(ask(None)).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    assert_eq!(shed.in_flight(), 0, "nobody has to ask for the end");
}

#[tokio::test]
async fn a_body_that_fails_and_a_call_that_fails_free_it_too() {
    let shed = ShedLayer::new(1);
    let broken = shed.layer(service_fn(async |_: Request<()>| {
        let frames = [Ok(Frame::data(Bytes::from("a"))), Err(BoxError::from("gone"))];
        Ok::<_, Infallible>(Response::new(StreamBody::new(tokio_stream::iter(frames))))
    }));
    let mut body = broken.oneshot(ask(None)).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(shed.in_flight(), 1);
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(shed.in_flight(), 0);
    let dead = shed.layer(service_fn(async |_: Request<()>| Err::<Response<Full<Bytes>>, _>(BoxError::from("dead"))));
    assert!(dead.oneshot(ask(None)).await.is_err());
    assert_eq!(shed.in_flight(), 0);
}

#[tokio::test]
async fn who_matters_less_is_refused_first_and_told_to_come_again() {
    let shed = ShedLayer::new(10).share(Priority::Normal, 0.8).share(Priority::Low, 0.45);
    let service = shed.layer(service_fn(whole));
    let mut answers = Vec::new();
    // Fill up as each kind of caller, in turn, until it is refused: 5 of 10, rounded up; then 8; then all.
    for (priority, expected) in
        [(Some(Priority::Low), 5), (None, 8), (Some(Priority::Normal), 8), (Some(Priority::High), 10)]
    {
        let refused = loop {
            let answer = service.clone().oneshot(ask(priority)).await.unwrap();
            if answer.status() != 200 {
                break answer;
            }
            answers.push(answer);
        };
        assert_eq!((refused.status().as_u16(), shed.in_flight()), (503, expected), "{priority:?}");
        assert_eq!(refused.headers()["retry-after"], "1");
        let body = refused.into_body().collect().await.unwrap().to_bytes();
        assert!(std::str::from_utf8(&body).unwrap().contains("\"code\":\"server_is_overloaded\""));
    }
    // An extension of the host's own goes before the caller's.
    let mut request = ask(Some(Priority::Low));
    request.extensions_mut().insert(Priority::High);
    answers.pop();
    assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
    answers.clear();
    assert_eq!(shed.in_flight(), 0);
}

#[tokio::test]
async fn another_size_has_the_same_count() {
    let shed = ShedLayer::new(1);
    let first = shed.layer(service_fn(whole)).oneshot(ask(None)).await.unwrap();
    let larger = shed.resized(2);
    let second = larger.layer(service_fn(whole)).oneshot(ask(None)).await.unwrap();
    assert_eq!(
        (larger.in_flight(), shed.layer(service_fn(whole)).oneshot(ask(None)).await.unwrap().status().as_u16()),
        (2, 503)
    );
    drop((first, second));
    assert_eq!(shed.in_flight(), 0);
    assert_eq!(
        ShedLayer::new(0).layer(service_fn(whole)).oneshot(ask(Some(Priority::High))).await.unwrap().status(),
        503
    );
}

#[tokio::test]
async fn who_is_refused_keeps_no_permit_of_the_layers_inside() {
    let limited = ConcurrencyLimit::new(service_fn(whole), 1);
    let mut refusing = ShedLayer::new(0).layer(limited.clone());
    assert_eq!(refusing.ready().await.unwrap().call(ask(None)).await.unwrap().status(), 503);
    let other = limited.oneshot(ask(None));
    assert!(tokio::time::timeout(std::time::Duration::from_secs(5), other).await.is_ok());
}
