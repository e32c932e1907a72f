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
use super::meter::Settling;
use super::request_id::X_REQUEST_ID;
use crate::error::{ApiError, BoxError};

pin_project! {
    /// The future of [`Metered`](super::Metered): the inner service's own future `F`, with an open receipt.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        call: Call<F, B>,
    }
}

type Answer<B> = Result<Response<MeterBody<B>>, BoxError>;

pin_project! {
    #[project = CallProj]
    enum Call<F, B> {
        // In this order: when both are dropped, the call is over before its receipt is written.
        Plain { #[pin] future: F, guard: Guard },
        // Where a provider may be read on after the client has left.
        Drained { left: Leftover<F> },
        // The whole answer is there, and waits until its receipt is put away.
        Settling { answer: Option<Answer<B>>, #[pin] settling: Settling },
    }
}

impl<F, B> ResponseFuture<F, B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    pub(super) fn new<E>(future: F, guard: Guard) -> Self
    where
        F: Future<Output = Result<Response<B>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        if guard.may_drain() {
            return Self { call: Call::Drained { left: Leftover::new(future, guard, read_call::<F, B, E>) } };
        }
        Self { call: Call::Plain { future, guard } }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Answer<B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer<B>> {
        let mut call = self.project().call;
        loop {
            let (answer, guard) = match call.as_mut().project() {
                CallProj::Plain { future, guard } => {
                    let answer = ready!(future.poll(cx)).map_err(Into::into);
                    (answer, guard.take())
                }
                CallProj::Drained { left } => {
                    let answer = match left.parts() {
                        Some((future, _)) => ready!(future.as_mut().poll(cx)).map_err(Into::into),
                        None => Err(ApiError::internal().into()),
                    };
                    (answer, left.guard().take())
                }
                CallProj::Settling { answer, settling } => {
                    ready!(settling.poll(cx));
                    return Poll::Ready(answer.take().unwrap_or_else(|| Err(ApiError::internal().into())));
                }
            };
            match finish(answer, guard) {
                (answer, None) => return Poll::Ready(answer),
                (answer, Some(settling)) => call.set(Call::Settling { answer: Some(answer), settling }),
            }
        }
    }
}

/// The inner service has answered.
fn finish<B>(answer: Result<Response<B>, BoxError>, mut guard: Guard) -> (Answer<B>, Option<Settling>)
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let shown = guard.shown();
    match answer {
        Ok(response) => {
            let (mut response, settling) = MeterBody::hold(response, guard);
            if let Some(shown) = shown {
                response.headers_mut().insert(&X_REQUEST_ID, shown);
            }
            (Ok(response), settling)
        }
        Err(error) => {
            let mut error = ApiError::from_box(error);
            let settling = guard.refused(&error);
            if let Some(shown) = shown {
                error = error.with_header(X_REQUEST_ID.clone(), shown);
            }
            (Err(error.into()), settling)
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
