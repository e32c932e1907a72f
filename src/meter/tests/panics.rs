//! What panics, inside or in the host's code, loses no receipt and no answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::Body;
use http_body_util::{BodyExt, Empty};
use tower::{Layer, ServiceExt, service_fn};

use super::*;

struct Panics;

impl Body for Panics {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("planted")
    }
}

fn assert_failed(book: &Book, status: u16) {
    let receipt = book.only();
    assert_eq!((receipt.status.as_u16(), receipt.outcome), (status, Outcome::Failed));
    assert_eq!(receipt.reason.as_deref(), Some("internal_error"));
}

#[tokio::test]
async fn a_panic_inside_is_in_the_book() {
    let book = Book::default();
    let in_future = service_fn(async |_| -> Result<Response<Empty<Bytes>>, Infallible> { panic!("planted") });
    assert!(tokio::spawn(layer(&book).layer(in_future).oneshot(ask())).await.is_err());
    assert_failed(&book, 500);

    let book = Book::default();
    let in_call =
        service_fn(|_| -> std::future::Ready<Result<Response<Empty<Bytes>>, Infallible>> { panic!("planted") });
    assert!(tokio::spawn(layer(&book).layer(in_call).oneshot(ask())).await.is_err());
    assert_failed(&book, 500);

    let book = Book::default();
    let in_body = service_fn(async |_| Ok::<_, Infallible>(Response::new(Panics)));
    let body = layer(&book).layer(in_body).oneshot(ask()).await.unwrap().into_body();
    assert!(tokio::spawn(body.collect()).await.is_err());
    assert_failed(&book, 200);
}

#[tokio::test]
async fn a_sink_that_panics_is_counted_and_hurts_nobody() {
    let meter = MeterLayer::new(|_: &Receipt| panic!("planted")).tags(|_| panic!("planted"));
    let answers = service_fn(async |_| Ok::<_, Infallible>(json(WHOLE)));
    let body = meter.layer(answers).oneshot(ask()).await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), WHOLE);
    assert_eq!(meter.panics(), 2);

    // Also while something inside unwinds: a second panic that got out would end the process.
    let panics = service_fn(async |_| -> Result<Response<Empty<Bytes>>, Infallible> { panic!("planted") });
    assert!(tokio::spawn(meter.layer(panics).oneshot(ask())).await.is_err());
    assert_eq!(meter.panics(), 4);
}
