//! The layer around services that do as they are told.

mod drain;
mod outcomes;
mod panics;
mod settling;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tokio_stream::Iter;

use super::*;
use crate::chat::ChatRequest;
use crate::clock::ManualClock;
use crate::price::{Price, PriceBook};
use crate::usage::{Attempts, Usage, UsageCell};

const WHOLE: &str = r#"{"model":"m-2026","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],
    "usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"12345678\"}}]}\n\n";
const FINISH: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":10}}\n\n";
const DONE: &str = "data: [DONE]\n\n";
/// A million of them is a dollar, and of those that come out ten.
const NANO_IN: u64 = 1_000;
const NANO_OUT: u64 = 10_000;

/// What a meter has written. Clones are the same book.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<Receipt>>>);

impl Book {
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The one receipt that there is.
    fn only(&self) -> Receipt {
        let receipts = self.0.lock().unwrap();
        assert_eq!(receipts.len(), 1, "{receipts:?}");
        receipts[0].clone()
    }
}

impl UsageSink for Book {
    fn record(&self, receipt: &Receipt) {
        self.0.lock().unwrap().push(receipt.clone());
    }
}

fn prices() -> PriceBook {
    PriceBook::from_prices([("m", Price::per_million(1.0, 10.0).unwrap())])
}

fn clock() -> ManualClock {
    ManualClock::new(Duration::from_secs(1_795_341_600))
}

fn layer(book: &Book) -> MeterLayer {
    MeterLayer::new(book.clone()).prices(prices()).clock(clock())
}

fn ask() -> Request<ChatRequest> {
    Request::new(ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user"}]}"#).unwrap())
}

fn prompt() -> u64 {
    ask().body().estimated_prompt_tokens()
}

fn json(body: &'static str) -> Response<Full<Bytes>> {
    Response::builder().header("content-type", "application/json").body(Full::from(body)).unwrap()
}

type Frames = StreamBody<Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

/// A stream of these events, each in a frame of its own.
fn stream(events: &[&'static str]) -> Response<Frames> {
    let frames: Vec<_> = events.iter().map(|event| Ok(Frame::data(Bytes::from_static(event.as_bytes())))).collect();
    let response = Response::builder().header("content-type", "text/event-stream");
    response.body(StreamBody::new(tokio_stream::iter(frames))).unwrap()
}

/// Notes an attempt at `p`, as whoever sends a request does.
fn begin(request: &Request<ChatRequest>, model: &str) -> (Attempts, usize, UsageCell) {
    let (attempts, cell) = (request.extensions().get::<Attempts>().unwrap().clone(), UsageCell::new());
    let number = attempts.begin("p", model, cell.clone());
    (attempts, number, cell)
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage { input, output, ..Usage::default() }
}
