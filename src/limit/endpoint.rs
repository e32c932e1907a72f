use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::report::{UsageFuture, UsageReport};
use crate::body::ResponseBody;

const PATH: &str = "/v1/usage";

/// Answers `/v1/usage` with a [`UsageReport`] and leaves every other path to the service inside, such as
/// [`Endpoint`](crate::Endpoint). Put [`AuthLayer`](crate::AuthLayer) around it: without a principal the report is that
/// of the anonymous caller.
#[derive(Clone, Debug)]
pub struct UsageEndpoint<S> {
    inner: S,
    usage: UsageReport,
}

impl<S> UsageEndpoint<S> {
    /// The report beside a service.
    pub fn new(inner: S, usage: UsageReport) -> Self {
        Self { inner, usage }
    }
}

impl<S, B, ResB> Service<Request<B>> for UsageEndpoint<S>
where
    S: Service<Request<B>, Response = Response<ResB>, Error = Infallible> + Clone,
    ResB: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = Infallible;
    type Future = UsageEndpointFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = if request.uri().path() == PATH {
            State::Usage { call: self.usage.call(request) }
        } else {
            State::Inner { call: Oneshot::new(self.inner.clone(), request) }
        };
        UsageEndpointFuture { state }
    }
}

pin_project! {
    /// The answer of whichever service the path belongs to.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct UsageEndpointFuture<S, B>
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
        Inner { #[pin] call: Oneshot<S, Request<B>> },
        Usage { call: UsageFuture },
    }
}

impl<S, B, ResB> Future for UsageEndpointFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>, Error = Infallible>,
    ResB: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<ResB>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Inner { call } => call.poll(cx).map_ok(|response| response.map(ResponseBody::inner)),
            StateProj::Usage { call } => {
                let response = ready!(Pin::new(call).poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::without_inner)))
            }
        }
    }
}
