use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::body::TimeoutBody;
use super::watch::Watch;
use crate::error::{ApiError, BoxError};
use crate::usage::Attempts;

pin_project! {
    /// The future of [`Timeout`](super::Timeout).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // `None` when the response is there.
        watch: Option<Watch>,
        attempts: Attempts,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, watch: Watch, attempts: Attempts) -> Self {
        Self { inner, watch: Some(watch), attempts }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<TimeoutBody<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut answer = this.inner.as_mut().poll(cx);
        let Some(watch) = this.watch else { return Poll::Ready(Err(ApiError::internal().into())) };
        if answer.is_pending() {
            let kind = ready!(watch.poll(cx));
            // What is there in time may have given way to its neighbours, as a meter inside does when the receipt is made.
            answer = this.inner.poll(cx);
            if answer.is_pending() {
                let error = watch.fail(kind);
                // A meter inside would take what is dropped for a client that left.
                this.attempts.give_up(&error);
                return Poll::Ready(Err(error.into()));
            }
        }
        let response = ready!(answer).map_err(Into::into)?;
        watch.responded(&response);
        let watch = this.watch.take();
        Poll::Ready(Ok(response.map(|body| TimeoutBody::new(body, watch))))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
