use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::error::{ApiError, BoxError};

/// The one boxed future of a request: the source's own cannot be named.
pub(super) type Signed = Pin<Box<dyn Future<Output = Result<Request<Full<Bytes>>, ApiError>> + Send>>;

pin_project! {
    /// The future of [`SigV4`](super::SigV4): the signature, then the inner service's own future `F`.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, F> {
        #[pin]
        state: State<S, F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F> {
        Signing { signed: Signed, service: S },
        Inner { #[pin] future: F },
    }
}

impl<S, F> ResponseFuture<S, F> {
    pub(super) fn new(signed: Signed, service: S) -> Self {
        Self { state: State::Signing { signed, service } }
    }
}

impl<S> Future for ResponseFuture<S, S::Future>
where
    S: Service<Request<Full<Bytes>>, Error: Into<BoxError>>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Signing { signed, service } => {
                    let request = ready!(signed.as_mut().poll(cx))?;
                    let future = service.call(request);
                    state.set(State::Inner { future });
                }
                StateProj::Inner { future } => return future.poll(cx).map_err(Into::into),
            }
        }
    }
}

impl<S, F> fmt::Debug for ResponseFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
