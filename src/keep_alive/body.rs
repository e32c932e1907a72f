use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::chat::tail::Tail;
use crate::chat::unbuffered;
use crate::media_type;

/// What the client hears.
const COMMENT: &[u8] = b": keep-alive\n\n";

pin_project! {
    /// A body with a comment in each long silence between two of its events.
    #[derive(Debug)]
    pub struct KeepAliveBody<B> {
        #[pin]
        inner: B,
        beat: Option<Beat>,
    }
}

#[derive(Debug)]
struct Beat {
    interval: Duration,
    alarm: Alarm,
    /// When the silence will have been long enough; `None` while there is none.
    next: Option<Instant>,
    tail: Tail,
}

impl<B> KeepAliveBody<B> {
    pub(super) fn wrap(mut response: Response<B>, interval: Option<Duration>) -> Response<Self> {
        let content_type = response.headers().get(CONTENT_TYPE);
        let is_stream = content_type.is_some_and(|value| media_type::is(value, media_type::EVENTS));
        if !is_stream || !response.status().is_success() {
            return response.map(|inner| Self { inner, beat: None });
        }
        unbuffered(response.headers_mut());
        let beat = interval.map(|interval| {
            // It will not be true any more.
            response.headers_mut().remove(CONTENT_LENGTH);
            Beat { interval, alarm: Alarm::default(), next: None, tail: Tail::default() }
        });
        response.map(|inner| Self { inner, beat })
    }
}

impl Beat {
    fn heard(&mut self, data: Option<&Bytes>) {
        self.next = None;
        if let Some(data) = data {
            self.tail.push(data);
        }
    }

    /// Ready when a comment is due. In the middle of an event there is nothing to wait for but its rest.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.tail.is_between_events() {
            return Poll::Pending;
        }
        let next = match self.next {
            Some(next) => next,
            None => match Instant::now().checked_add(self.interval) {
                Some(next) => *self.next.insert(next),
                None => return Poll::Pending,
            },
        };
        ready!(self.alarm.poll(next, cx));
        self.next = None;
        Poll::Ready(())
    }
}

impl<B: Body<Data = Bytes>> Body for KeepAliveBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let polled = this.inner.poll_frame(cx);
        let Some(beat) = this.beat else { return polled };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                beat.heard(frame.data_ref());
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(end) => Poll::Ready(end),
            Poll::Pending => {
                ready!(beat.poll(cx));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(COMMENT)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.size_hint();
        if self.beat.is_none() {
            return inner;
        }
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower());
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt, Full, StreamBody};
    use tokio::time::sleep;
    use tokio_stream::StreamExt;

    use super::*;

    /// A stream of these pieces, each after so many seconds.
    fn stream(pieces: Vec<(u64, Bytes)>) -> Response<impl Body<Data = Bytes, Error = Infallible>> {
        let pieces = tokio_stream::iter(pieces).then(|(pause, piece)| async move {
            sleep(Duration::from_secs(pause)).await;
            Ok(Frame::data(piece))
        });
        Response::builder().header("content-type", "text/event-stream").body(StreamBody::new(pieces)).unwrap()
    }

    async fn kept_alive(pieces: Vec<(u64, Bytes)>) -> String {
        let body = KeepAliveBody::wrap(stream(pieces), Some(Duration::from_secs(15))).into_body();
        String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn each_silence_that_is_long_enough_is_broken() {
        let pieces = [(50, "data: a\n\n"), (14, "data: b\n\n"), (14, "data: c\n\n"), (16, "data: d\n\n")]
            .map(|(s, p)| (s, p.into()));
        let comment = ": keep-alive\n\n";
        let expected = format!("{comment}{comment}{comment}data: a\n\ndata: b\n\ndata: c\n\n{comment}data: d\n\n");
        assert_eq!(kept_alive(pieces.to_vec()).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn never_inside_an_event_whatever_the_line_endings_and_the_cuts() {
        for ending in ["\n", "\r\n", "\r"] {
            let event = "event: x\ndata: 1\ndata: 2\n\n".replace('\n', ending);
            let whole = Bytes::from(event.clone());
            for cut in 1..event.len() {
                let text = kept_alive(vec![(0, whole.slice(..cut)), (20, whole.slice(cut..))]).await;
                // The CR of the last CRLF ends the event: the LF that comes later is one more blank line.
                let is_end = ending == "\r\n" && cut + 1 == event.len();
                let comment = if is_end { ": keep-alive\n\n" } else { "" };
                assert_eq!(text, format!("{}{comment}{}", &event[..cut], &event[cut..]), "{event:?} cut at {cut}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_stands_still_while_the_client_does_not_read() {
        let pieces = vec![(0, "data: a\n\n".into()), (10, "data: b\n\n".into())];
        let mut body = Box::pin(KeepAliveBody::wrap(stream(pieces), Some(Duration::from_secs(15))).into_body());
        let mut next = async || body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(next().await, "data: a\n\n");
        sleep(Duration::from_secs(100)).await;
        assert_eq!(next().await, "data: b\n\n");
    }

    #[tokio::test]
    async fn only_event_streams_are_touched_and_their_headers_are_kept() {
        let answer = |status: u16, kind: &str, cache: &str| {
            let response = Response::builder().status(status).header("content-type", kind).header("content-length", 3);
            let response = response.header("cache-control", cache).body(Full::new(Bytes::from("abc"))).unwrap();
            let response = KeepAliveBody::wrap(response, Some(Duration::from_secs(15)));
            let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            (header("cache-control"), header("x-accel-buffering"), response.body().size_hint().exact())
        };
        let own = Some("max-age=1".to_owned());
        assert_eq!(answer(200, "application/json", "max-age=1"), (own.clone(), None, Some(3)));
        assert_eq!(answer(500, "text/event-stream", "max-age=1"), (own.clone(), None, Some(3)));
        assert_eq!(answer(200, "text/event-stream", "max-age=1"), (own, Some("no".to_owned()), None));
    }
}
