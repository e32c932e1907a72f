//! Clients that leave providers who are read on.

use http_body_util::BodyExt;
use tokio::time::{sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};

use super::*;
use crate::usage::{Served, UsageSource};

/// A stream that takes a second for each event, from `p`.
fn slow(
    events: &'static [&'static str],
) -> Response<StreamBody<impl tokio_stream::Stream<Item = Result<Frame<Bytes>, Infallible>>>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for event in events {
            sleep(Duration::from_secs(1)).await;
            if sender.send(Ok(Frame::data(Bytes::from_static(event.as_bytes())))).await.is_err() {
                return;
            }
        }
    });
    let body = StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(receiver));
    let mut response = Response::builder().header("content-type", "text/event-stream").body(body).unwrap();
    response.extensions_mut().insert(Served::new("p", "m"));
    response
}

const EVENTS: &[&str] = &[EVENT, EVENT, FINISH, USAGE, DONE];

/// Reads one frame of an answer and leaves.
async fn leave(meter: MeterLayer) {
    let service = meter.layer(service_fn(async |_| Ok::<_, Infallible>(slow(EVENTS))));
    let mut body = service.oneshot(ask()).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_providers_own_figure_arrives() {
    let book = Book::default();
    let (drain, worker) = Drain::new(sleep);
    tokio::spawn(worker.run());
    leave(layer(&book).drain("p", &drain)).await;
    assert_eq!((book.count(), drain.count()), (0, 1));
    sleep(Duration::from_secs(10)).await;
    let receipt = book.only();
    assert_eq!((receipt.outcome, receipt.status.as_u16()), (Outcome::Aborted, 200));
    assert_eq!((receipt.usage, receipt.usage_source), (tokens(30, 10), UsageSource::Reported));
    assert_eq!((receipt.reason.as_deref(), receipt.finish_reason.as_deref()), (Some("client_aborted"), Some("stop")));
    assert_eq!(drain.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_not_begun_is_waited_for() {
    let book = Book::default();
    let (drain, worker) = Drain::new(sleep);
    tokio::spawn(worker.run());
    let service = service_fn(async |request: Request<ChatRequest>| {
        begin(&request, "m");
        sleep(Duration::from_secs(3)).await;
        Ok::<_, Infallible>(json(WHOLE))
    });
    let call = layer(&book).drain("p", &drain).layer(service).oneshot(ask());
    assert!(timeout(Duration::from_secs(1), call).await.is_err());
    assert_eq!((book.count(), drain.count()), (0, 1));
    sleep(Duration::from_secs(10)).await;
    let receipt = book.only();
    assert_eq!((receipt.outcome, receipt.status.as_u16(), receipt.first_byte), (Outcome::Aborted, 499, None));
    assert_eq!((receipt.usage, receipt.usage_source), (tokens(3, 1), UsageSource::Reported));
}

#[tokio::test(start_paused = true)]
async fn each_bound_ends_it_with_what_was_seen() {
    let second = Duration::from_millis(1_500);
    for (at_once, time, bytes, delivered) in [
        (8, second, 1 << 20, 4),
        (8, second * 20, 10, 4),
        (8, Duration::ZERO, 1 << 20, 2),
        (0, second * 20, 1 << 20, 2),
    ] {
        let book = Book::default();
        let (drain, worker) = Drain::at_once(at_once, sleep);
        tokio::spawn(worker.run());
        leave(layer(&book).drain("p", &drain.up_to(time, bytes))).await;
        sleep(Duration::from_secs(10)).await;
        let receipt = book.only();
        assert_eq!(receipt.outcome, Outcome::Aborted);
        assert_eq!((receipt.usage, receipt.usage_source), (tokens(prompt(), delivered), UsageSource::Estimated));
        assert_eq!(drain.refused(), u64::from(at_once == 0));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_worker_and_for_other_providers_nothing_is_read_on() {
    let book = Book::default();
    let (drain, worker) = Drain::new(sleep);
    leave(layer(&book).drain("q", &drain)).await;
    assert_eq!((book.count(), drain.count()), (1, 0));
    leave(layer(&book).drain("p", &drain)).await;
    assert_eq!((book.count(), drain.count()), (1, 1));
    drop(worker);
    assert_eq!((book.count(), drain.count()), (2, 0), "what waits is in the book when the worker goes");
    leave(layer(&book).drain("p", &drain)).await;
    assert_eq!((book.count(), drain.refused()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn who_stays_notices_nothing() {
    let book = Book::default();
    let (drain, worker) = Drain::new(sleep);
    tokio::spawn(worker.run());
    let service = layer(&book).drain("p", &drain).layer(service_fn(async |_| Ok::<_, Infallible>(slow(EVENTS))));
    let body = service.oneshot(ask()).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, EVENTS.concat());
    assert_eq!((book.only().outcome, drain.count(), drain.refused()), (Outcome::Complete, 0, 0));
}

/// There is nothing to come of an answer that has failed.
#[tokio::test(start_paused = true)]
async fn what_has_failed_is_not_read_on() {
    let book = Book::default();
    let (drain, worker) = Drain::new(sleep);
    tokio::spawn(worker.run());
    let service = layer(&book).drain("p", &drain).layer(service_fn(async |_| {
        let cell = UsageCell::new();
        cell.record(|seen| seen.fail(&crate::error::ApiError::upstream_error("x")));
        let mut response = slow(EVENTS);
        response.extensions_mut().insert(cell);
        Ok::<_, Infallible>(response)
    }));
    let mut body = service.oneshot(ask()).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!((book.count(), drain.count()), (1, 0));
}
