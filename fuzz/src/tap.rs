//! The tap, which watches an answer and changes nothing.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use tower_completions::UsageCell;
use tower_completions::chat::Tap;

use crate::Input;
use crate::translate::Seen;

const TYPES: [&str; 4] = ["text/event-stream", "application/json", "text/event-stream; charset=utf-8", "text/html"];

/// The bytes pass as they are, and what is seen is the same at any cut.
pub fn tap(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let seen = watched(input.pick, &[input.data], input.data);
    assert_eq!(watched(input.pick, &input.pieces(), input.data), seen);
    assert!(!seen.complete || seen.failure.is_none(), "{seen:?}");
}

/// The same without the checks.
pub(crate) fn work(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let pieces: Vec<&[u8]> = input.data.chunks(4096).collect();
    watched(input.pick, &pieces, input.data);
}

fn watched(pick: usize, pieces: &[&[u8]], all: &[u8]) -> Seen {
    let frames = pieces.iter().map(|piece| Ok::<_, std::io::Error>(Frame::data(Bytes::copy_from_slice(piece))));
    let body = StreamBody::new(Iter(frames.collect::<Vec<_>>().into_iter()));
    let response = Response::builder().header("content-type", TYPES[pick % TYPES.len()]).body(body).unwrap();
    let tapped = Tap::install(response);
    let cell = tapped.extensions().get::<UsageCell>().unwrap().clone();
    let mut body = pin!(tapped.into_body());
    let mut out = Vec::with_capacity(all.len());
    while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
        out.extend_from_slice(frame.unwrap().data_ref().unwrap());
    }
    assert_eq!(out, all);
    Seen::of(&cell)
}

/// A stream that is always ready.
struct Iter<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}
