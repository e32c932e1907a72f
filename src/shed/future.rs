use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::body::ShedBody;
use super::places::Place;
use crate::body::ResponseBody;
use crate::error::ApiError;

pin_project! {
    /// The future of [`Shed`](super::Shed).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Refused { error: Option<ApiError> },
        // In this order: the call is over before its place is free.
        Calling { #[pin] future: F, place: Option<Place> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn calling(future: F, place: Place) -> Self {
        Self { state: State::Calling { future, place: Some(place) } }
    }

    pub(super) fn refused(error: ApiError) -> Self {
        Self { state: State::Refused { error: Some(error) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<ShedBody<B>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Refused { error } => {
                Poll::Ready(Ok(error.take().unwrap_or_else(ApiError::internal).into_response()))
            }
            StateProj::Calling { future, place } => {
                let answer = ready!(future.poll(cx));
                let place = place.take();
                Poll::Ready(answer.map(|response| response.map(|body| ResponseBody::inner(ShedBody::new(body, place)))))
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
