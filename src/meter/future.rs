use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::MeterBody;
use super::guard::Guard;
use super::leftover::{Leftover, read_call};
use super::request_id::X_REQUEST_ID;
use crate::error::{ApiError, BoxError};

pin_project! {
    /// The future of [`Metered`](super::Metered): the inner service's own future `F`, with an open receipt.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        call: Call<F>,
    }
}

pin_project! {
    #[project = CallProj]
    enum Call<F> {
        // In this order: when both are dropped, the call is over before its receipt is written.
        Plain { #[pin] future: F, guard: Guard },
        // Where a provider may be read on after the client has left.
        Drained { left: Leftover<F> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new<B, E>(future: F, guard: Guard) -> Self
    where
        F: Future<Output = Result<Response<B>, E>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
        E: Into<BoxError>,
    {
        if guard.may_drain() {
            return Self { call: Call::Drained { left: Leftover::new(future, guard, read_call::<F, B, E>) } };
        }
        Self { call: Call::Plain { future, guard } }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<MeterBody<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().call.project() {
            CallProj::Plain { future, guard } => {
                let answer = ready!(future.poll(cx)).map_err(Into::into);
                Poll::Ready(finish(answer, guard.take()))
            }
            CallProj::Drained { left } => {
                let answer = match left.parts() {
                    Some((future, _)) => ready!(future.as_mut().poll(cx)).map_err(Into::into),
                    None => Err(ApiError::internal().into()),
                };
                let guard = left.guard().take();
                Poll::Ready(finish(answer, guard))
            }
        }
    }
}

/// The inner service has answered.
fn finish<B>(answer: Result<Response<B>, BoxError>, mut guard: Guard) -> Result<Response<MeterBody<B>>, BoxError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let shown = guard.shown();
    match answer {
        Ok(response) => {
            let mut response = MeterBody::hold(response, guard);
            if let Some(shown) = shown {
                response.headers_mut().insert(&X_REQUEST_ID, shown);
            }
            Ok(response)
        }
        Err(error) => {
            let mut error = ApiError::from_box(error);
            guard.failed(&error);
            if let Some(shown) = shown {
                error = error.with_header(X_REQUEST_ID.clone(), shown);
            }
            Err(error.into())
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
