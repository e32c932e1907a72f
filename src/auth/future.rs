use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::Principal;
use crate::body::ResponseBody;
use crate::error::{ApiError, BoxError};

/// The one boxed future of a request: the store's type is not named outside it.
pub(super) type Lookup = Pin<Box<dyn Future<Output = Result<Option<Principal>, BoxError>> + Send>>;

pin_project! {
    /// The future of [`Auth`](super::Auth): the lookup of the key, then the inner service's own future `F`.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, F> {
        #[pin]
        state: State<S, B, F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, F> {
        // `request` is there until the inner service is called.
        Lookup { lookup: Lookup, service: S, request: Option<Request<B>> },
        Inner { #[pin] future: F },
        Refused,
    }
}

impl<S, B, F> ResponseFuture<S, B, F> {
    pub(super) fn lookup(lookup: Lookup, service: S, request: Request<B>) -> Self {
        Self { state: State::Lookup { lookup, service, request: Some(request) } }
    }

    pub(super) fn refused() -> Self {
        Self { state: State::Refused }
    }
}

impl<S, B, ResB> Future for ResponseFuture<S, B, S::Future>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Output = Result<Response<ResponseBody<ResB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Lookup { lookup, service, request } => {
                    let owner = match ready!(lookup.as_mut().poll(cx)) {
                        Ok(owner) => owner,
                        Err(_) => return Poll::Ready(Ok(unavailable().into_response())),
                    };
                    // The request stays where it is until it goes on.
                    let next = match (owner, request.as_mut().map(Request::extensions_mut)) {
                        (Some(principal), Some(extensions)) => {
                            extensions.insert(principal);
                            request.take().map(|request| State::Inner { future: service.call(request) })
                        }
                        _ => None,
                    };
                    state.set(next.unwrap_or(State::Refused));
                }
                StateProj::Inner { future } => {
                    return future.poll(cx).map_ok(|response| response.map(ResponseBody::inner));
                }
                StateProj::Refused => return Poll::Ready(Ok(unauthorized().into_response())),
            }
        }
    }
}

/// The same for everybody who is not let in (RFC 6750, section 3: the challenge names the scheme).
fn unauthorized() -> ApiError {
    ApiError::invalid_api_key().with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn unavailable() -> ApiError {
    ApiError::server_error(
        StatusCode::SERVICE_UNAVAILABLE,
        "auth_unavailable",
        "The API key could not be checked at the moment; try again shortly.",
    )
}

impl<S, B, F> fmt::Debug for ResponseFuture<S, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
