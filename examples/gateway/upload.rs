//! Who sends slowly is waited for, who has stopped is not.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_completions::BoxError;

/// How long a client may pause while it sends its request.
const PAUSE: Duration = Duration::from_secs(30);

pin_project! {
    /// A request's body that fails after too long a pause. What has come already needs no timer.
    ///
    /// It does not repeat how long the body is said to be: memory is for what has come, not for what was announced.
    pub(crate) struct Upload<B> {
        #[pin]
        inner: B,
        pause: Option<Pin<Box<Sleep>>>,
    }
}

impl<B> Upload<B> {
    pub(crate) fn new(inner: B) -> Self {
        Self { inner, pause: None }
    }
}

impl<B> Body for Upload<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.inner.poll_frame(cx) {
            *this.pause = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(this.pause.get_or_insert_with(|| Box::pin(sleep(PAUSE))).as_mut().poll(cx));
        Poll::Ready(Some(Err("the client has stopped sending".into())))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt, StreamBody};
    use tokio_stream::StreamExt;

    use super::*;

    /// How many pieces come of a body with these pauses before each, in seconds, and whether it comes to its end.
    async fn read(pauses: &'static [u64]) -> (usize, bool) {
        let pieces = tokio_stream::iter(pauses).then(|pause| async move {
            sleep(Duration::from_secs(*pause)).await;
            Ok::<_, BoxError>(Frame::data(Bytes::from("x")))
        });
        let mut body = Box::pin(Upload::new(StreamBody::new(pieces)));
        let mut pieces = 0;
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return (pieces, false);
            }
            pieces += 1;
        }
        (pieces, true)
    }

    #[tokio::test(start_paused = true)]
    async fn each_pause_counts_and_not_their_sum() {
        assert_eq!(read(&[]).await, (0, true));
        assert_eq!(read(&[0, 29, 29, 0, 29]).await, (5, true));
        assert_eq!(read(&[31]).await, (0, false));
        assert_eq!(read(&[29, 0, 31, 0]).await, (2, false));
    }
}
