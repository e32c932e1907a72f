use std::convert::Infallible;
use std::future::{Future, Ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::models::Models;
use crate::body::ResponseBody;
use crate::error::ApiError;

const COMPLETIONS: &str = "/v1/chat/completions";

/// Both paths in one service, for hosts without a router: `POST /v1/chat/completions` goes to the chat service, `GET
/// /v1/models` and `GET /v1/models/{id}` to [`Models`], everything else is 404 `unknown_url`.
///
/// Paths are compared as they are: no slash too many, no other spelling. Put [`AuthLayer`](crate::AuthLayer) around it.
#[derive(Clone, Debug)]
pub struct Endpoint<S> {
    chat: S,
    models: Models,
}

impl<S> Endpoint<S> {
    /// An endpoint of a chat service, which is what [`ChatLayer`](crate::ChatLayer) makes, and the models of its router.
    pub fn new(chat: S, models: Models) -> Self {
        Self { chat, models }
    }
}

impl<S, B, ResB> Service<Request<B>> for Endpoint<S>
where
    S: Service<Request<B>, Response = Response<ResB>, Error = Infallible> + Clone,
    ResB: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = Infallible;
    type Future = EndpointFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> EndpointFuture<S, B> {
        let path = request.uri().path();
        let state = if path == COMPLETIONS {
            State::Chat { call: Oneshot::new(self.chat.clone(), request) }
        } else if Models::is_path(path) {
            State::Models { call: self.models.call(request) }
        } else {
            State::Unknown
        };
        EndpointFuture { state }
    }
}

pin_project! {
    /// The answer of whichever service the path belongs to.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct EndpointFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Chat { #[pin] call: Oneshot<S, Request<B>> },
        Models { call: Ready<Result<Response<ResponseBody<Empty<Bytes>>>, Infallible>> },
        Unknown,
    }
}

impl<S, B, ResB> Future for EndpointFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>, Error = Infallible>,
    ResB: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<ResB>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Chat { call } => call.poll(cx).map_ok(|response| response.map(ResponseBody::inner)),
            StateProj::Models { call } => {
                let response = ready!(Pin::new(call).poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::without_inner)))
            }
            StateProj::Unknown => Poll::Ready(Ok(ApiError::unknown_url().into_response())),
        }
    }
}
