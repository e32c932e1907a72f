use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::SignatureStore;
use super::body::SignatureBody;
use super::turn::Turns;
use crate::chat::ChatRequest;

/// The one boxed future of a request that has gaps: it asks the store, whose own future cannot be named, and fills them.
pub(super) type Lookup = Pin<Box<dyn Future<Output = Request<ChatRequest>> + Send>>;

pin_project! {
    /// The future of [`Signatures`](super::Signatures): the lookup of what is missing, if anything is, then the inner
    /// service's own future `F`.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, F, K> {
        #[pin]
        state: State<S, F>,
        turns: Option<Turns<K>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F> {
        Lookup { lookup: Lookup, service: S },
        Inner { #[pin] future: F },
    }
}

impl<S, F, K> ResponseFuture<S, F, K> {
    pub(super) fn lookup(lookup: Lookup, service: S, turns: Turns<K>) -> Self {
        Self { state: State::Lookup { lookup, service }, turns: Some(turns) }
    }

    pub(super) fn inner(future: F, turns: Turns<K>) -> Self {
        Self { state: State::Inner { future }, turns: Some(turns) }
    }
}

impl<S, K, B> Future for ResponseFuture<S, S::Future, K>
where
    S: Service<Request<ChatRequest>, Response = Response<B>>,
    K: SignatureStore,
{
    type Output = Result<Response<SignatureBody<B, K>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Lookup { lookup, service } => {
                    let request = ready!(lookup.as_mut().poll(cx));
                    let future = service.call(request);
                    this.state.set(State::Inner { future });
                }
                StateProj::Inner { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(SignatureBody::wrap(response, this.turns.take())));
                }
            }
        }
    }
}

impl<S, F, K> fmt::Debug for ResponseFuture<S, F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
