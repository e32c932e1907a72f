//! A limit on the silence between two events of a stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower_completions::{ApiError, BoxError};

pin_project! {
    /// A body that fails with a 504 `timeout` when the provider has been silent for too long. The border makes an event of it.
    ///
    /// Comments that only keep the connection alive are silence. The clock starts with the head of the answer, which
    /// comes with the first event, and stands still while the client does not read.
    pub(crate) struct IdleTimeout<B> {
        #[pin]
        inner: B,
        #[pin]
        silence: Sleep,
        limit: Duration,
        waiting: bool,
    }
}

impl<B> IdleTimeout<B> {
    /// Limits the silence of a response's body.
    pub(crate) fn wrap(response: Response<B>, limit: Duration) -> Response<Self> {
        response.map(|inner| Self { inner, silence: sleep(limit), limit, waiting: false })
    }
}

/// Whether a frame holds more than comments.
fn is_payload(frame: &Frame<Bytes>) -> bool {
    let lines = frame.data_ref().map(|data| data.split(|byte| matches!(byte, b'\n' | b'\r')));
    lines.is_none_or(|mut lines| lines.any(|line| !line.is_empty() && !line.starts_with(b":")))
}

impl<B> Body for IdleTimeout<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        if let Poll::Ready(frame) = this.inner.poll_frame(cx) {
            if !matches!(&frame, Some(Ok(frame)) if !is_payload(frame)) {
                *this.waiting = false;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if !std::mem::replace(this.waiting, true) {
            this.silence.as_mut().reset(Instant::now() + *this.limit);
        }
        ready!(this.silence.poll(cx));
        Poll::Ready(Some(Err(ApiError::timeout().into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};
    use tokio::sync::mpsc;
    use tokio_stream::StreamExt;
    use tokio_stream::wrappers::ReceiverStream;

    use super::*;

    /// Sends these frames, each after a pause in seconds, then nothing more. How many came, and why it ended.
    async fn received(frames: &'static [(u64, &'static str)]) -> (usize, Option<BoxError>) {
        let (sender, receiver) = mpsc::channel(1);
        let send = async move {
            for (pause, frame) in frames {
                sleep(Duration::from_secs(*pause)).await;
                if sender.send(*frame).await.is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::spawn(send);
        let stream = ReceiverStream::new(receiver).map(|frame| Ok::<_, BoxError>(Frame::data(Bytes::from(frame))));
        let response = IdleTimeout::wrap(Response::new(StreamBody::new(stream)), Duration::from_secs(10));
        let mut body = Box::pin(response.into_body());
        let mut count = 0;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(_) => count += 1,
                Err(error) => return (count, Some(error)),
            }
        }
        (count, None)
    }

    #[tokio::test(start_paused = true)]
    async fn events_in_time_go_through_until_they_stop() {
        let (count, error) = received(&[(9, "data: a\n\n"), (9, "data: b\n\n"), (9, "data: c\n\n")]).await;
        assert_eq!(count, 3);
        assert_eq!(error.unwrap().downcast::<ApiError>().unwrap().code(), Some("timeout"));
    }

    #[tokio::test(start_paused = true)]
    async fn comments_are_silence() {
        let (count, error) = received(&[(1, "data: a\n\n"), (6, ": ping\n\n"), (6, "data: late\n\n")]).await;
        assert_eq!(count, 2);
        assert!(error.is_some());
    }
}
