use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::LengthLimitError;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::body::ChatBody;
use super::request::ChatRequest;
use crate::body::ResponseBody;
use crate::collect::{Collect, CollectError};
use crate::error::{ApiError, BoxError, chain};

pin_project! {
    /// Reads the request, then waits for the answer of the inner service.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<ChatRequest>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<ChatRequest>>,
    {
        Refused { error: Option<ApiError> },
        Reading { #[pin] body: B, collect: Collect, max_body: u64, next: Option<(Parts, S)> },
        Calling { #[pin] call: Oneshot<S, Request<ChatRequest>> },
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<ChatRequest>>,
{
    pub(super) fn refused(error: ApiError) -> Self {
        Self { state: State::Refused { error: Some(error) } }
    }

    pub(super) fn reading(request: Request<B>, inner: S, max_body: u64) -> Self {
        let (parts, body) = request.into_parts();
        let collect = Collect::all(usize::try_from(max_body).unwrap_or(usize::MAX));
        Self { state: State::Reading { body, collect, max_body, next: Some((parts, inner)) } }
    }
}

/// The request as it goes on: the body's own length is the truth from here on.
fn chat_request(mut parts: Parts, bytes: Bytes) -> Result<Request<ChatRequest>, ApiError> {
    let chat = ChatRequest::from_bytes(bytes)?;
    for header in [CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
        parts.headers.remove(header);
    }
    Ok(Request::from_parts(parts, chat))
}

fn unreadable(error: CollectError, max_body: u64) -> ApiError {
    let CollectError::Body(error) = error else { return ApiError::request_too_large(max_body) };
    let too_large = || {
        let message = "The request body is larger than this server accepts.";
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", message).with_code("request_too_large")
    };
    let known = chain(&*error).find_map(|error| match error.downcast_ref::<ApiError>() {
        None if error.is::<LengthLimitError>() => Some(too_large()),
        error => error.cloned(),
    });
    known.unwrap_or_else(|| ApiError::invalid_request("The request body could not be read to its end."))
}

impl<S, B, ResB> Future for ResponseFuture<S, B>
where
    S: Service<Request<ChatRequest>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<ChatBody<ResB>>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Refused { error } => {
                    let error = error.take().unwrap_or_else(ApiError::internal);
                    return Poll::Ready(Ok(error.into_response()));
                }
                StateProj::Reading { body, collect, max_body, next } => {
                    let read = ready!(collect.poll(body, cx)).map_err(|error| unreadable(error, *max_body));
                    let request = read.and_then(|bytes| match next.take() {
                        Some((parts, inner)) => Ok((chat_request(parts, bytes)?, inner)),
                        None => Err(ApiError::internal()),
                    });
                    match request {
                        Ok((request, inner)) => State::Calling { call: Oneshot::new(inner, request) },
                        Err(error) => State::Refused { error: Some(error) },
                    }
                }
                StateProj::Calling { call } => match ready!(call.poll(cx)) {
                    Ok(response) => return Poll::Ready(Ok(ChatBody::wrap(response))),
                    Err(error) => State::Refused { error: Some(ApiError::from_box(error.into())) },
                },
            };
            state.set(next);
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<ChatRequest>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
