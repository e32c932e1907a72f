//! The body of a mock's answer, with its pauses, its cuts and its end.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::Chunking;
use super::state::Flight;

/// What comes after the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Clean,
    Reset,
    Stall,
}

/// The body of an answer from a [`Mock`](super::Mock).
#[derive(Debug)]
pub struct MockBody {
    rest: Bytes,
    sent: usize,
    chunking: Chunking,
    end: End,
    /// The length that the head announces, which need not be the length that comes.
    announced: Option<usize>,
    /// Before each frame.
    pause: Duration,
    /// Before a reset: a connection throws away what it has not written yet.
    flush: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    flight: Option<Flight>,
}

impl MockBody {
    pub(super) fn new(bytes: Bytes, chunking: Chunking, end: End, announced: Option<usize>, pause: Duration) -> Self {
        Self { rest: bytes, sent: 0, chunking, end, announced, pause, flush: Duration::ZERO, sleep: None, flight: None }
    }

    /// Ties the body to the count of answers under way.
    pub(super) fn carrying(mut self, flight: Flight) -> Self {
        self.flight = Some(flight);
        self.land_at_end();
        self
    }

    /// Leaves a connection time to write everything before a reset.
    pub(super) fn flushing(mut self, flush: Duration) -> Self {
        self.flush = flush;
        self
    }

    /// Nobody polls a body again that says that it is at its end.
    fn land_at_end(&mut self) {
        if let Some(flight) = self.flight.take_if(|_| self.rest.is_empty() && self.end == End::Clean) {
            flight.land();
        }
    }

    fn poll_sleep(&mut self, cx: &mut Context<'_>, length: Duration) -> Poll<()> {
        if !length.is_zero() {
            ready!(self.sleep.get_or_insert_with(|| Box::pin(sleep(length))).as_mut().poll(cx));
            self.sleep = None;
        }
        Poll::Ready(())
    }
}

impl Body for MockBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if !this.rest.is_empty() {
            ready!(this.poll_sleep(cx, this.pause));
            let length = this.chunking.next(&this.rest, this.sent);
            let frame = this.rest.split_to(length);
            this.sent += length;
            this.land_at_end();
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        match this.end {
            End::Clean => Poll::Ready(None),
            End::Stall => Poll::Pending,
            End::Reset => {
                ready!(this.poll_sleep(cx, this.flush));
                this.end = End::Clean;
                this.land_at_end();
                Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::ConnectionReset, "the mock cut the answer"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.end == End::Clean
    }

    fn size_hint(&self) -> SizeHint {
        match self.announced {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.sent) as u64),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::json;
    use tokio::time::{Instant, timeout};

    use super::super::testing::{ask, bytes, hello, with};
    use super::super::{Answer, Mock};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn body(answer: Answer) -> MockBody {
        let mock = Mock::openai();
        mock.answer(answer);
        ask(&mock, "/v1/chat/completions", &hello()).await.into_body()
    }

    /// The data frames, and how the body ended.
    async fn frames(mut body: MockBody) -> (Vec<Bytes>, io::Result<()>) {
        let mut frames = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => frames.push(frame.into_data().unwrap()),
                Err(error) => {
                    assert!(body.is_end_stream() && body.frame().await.is_none());
                    return (frames, Err(error));
                }
            }
        }
        (frames, Ok(()))
    }

    #[tokio::test]
    async fn every_chunking_carries_the_same_bytes() {
        let cuts =
            [Chunking::Whole, Chunking::Bytes(1), Chunking::Bytes(7), Chunking::At(vec![9, 3]), Chunking::Events];
        for stream in [true, false] {
            let mock = Mock::openai();
            let request = with(hello(), json!({"stream": stream}));
            let mut bodies = Vec::new();
            for chunking in &cuts {
                mock.answer(Answer::text("Grüße aus Graz").header("x-request-id", "same").chunked(chunking.clone()));
                let body = ask(&mock, "/v1/chat/completions", &request).await.into_body();
                assert_eq!(body.size_hint().exact().is_some(), !stream);
                let (frames, end) = frames(body).await;
                assert!(
                    end.is_ok()
                        && (frames.len() == 1)
                            == (*chunking == Chunking::Whole || (*chunking == Chunking::Events && !stream))
                );
                let text = String::from_utf8(frames.concat()).unwrap();
                bodies.push(text.replace(&format!("mock-{}", bodies.len() + 1), "mock-n"));
            }
            assert!(bodies.iter().all(|body| *body == bodies[0]));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_come_before_the_head_and_before_each_frame() {
        let start = Instant::now();
        let answer = Answer::sse("data: 1\n\ndata: 2\n\n").delay_head(SECOND * 5).delay_frames(SECOND);
        let mut body = body(answer).await;
        assert_eq!(start.elapsed().as_secs(), 5);
        body.frame().await.unwrap().unwrap();
        assert_eq!(start.elapsed().as_secs(), 6);
        body.frame().await.unwrap().unwrap();
        assert_eq!(start.elapsed().as_secs(), 7);
        assert!(body.is_end_stream());
    }

    #[tokio::test]
    async fn a_cut_is_an_error_after_exactly_so_many_bytes() {
        for (at, expected) in [(0, ""), (4, "0123"), (10, "0123456789"), (99, "0123456789")] {
            let body = body(Answer::raw(200, "a/b", "0123456789").chunked(Chunking::Bytes(3)).cut_after(at)).await;
            assert_eq!(body.size_hint().exact(), Some(10));
            let (frames, end) = frames(body).await;
            assert_eq!(frames.concat(), expected.as_bytes());
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
    }

    #[tokio::test]
    async fn an_early_end_is_clean_and_announces_nothing() {
        let body = body(Answer::raw(200, "a/b", "0123456789").end_after(4)).await;
        assert_eq!(body.size_hint().exact(), None);
        let (frames, end) = frames(body).await;
        assert!(end.is_ok());
        assert_eq!(frames.concat(), b"0123");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_never_ends() {
        let mut body = body(Answer::sse("data: 1\n\ndata: 2\n\n").stall_after(9)).await;
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data: 1\n\n");
        assert!(!body.is_end_stream());
        assert!(timeout(SECOND * 3600, body.frame()).await.is_err());
    }

    #[tokio::test]
    async fn an_empty_body_is_at_its_end() {
        assert!(body(Answer::status(500)).await.is_end_stream());
        assert!(bytes(http::Response::new(body(Answer::sse("")).await)).await.unwrap().is_empty());
    }
}
