use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::SignatureStore;
use super::body::SignatureBody;
use super::future::ResponseFuture;
use super::key::Keys;
use super::splice::Gaps;
use super::turn::Turns;
use crate::auth::Principal;
use crate::chat::ChatRequest;

/// The service of [`SignatureLayer`](super::SignatureLayer).
pub struct Signatures<S, K> {
    inner: S,
    store: Arc<K>,
}

impl<S, K> Signatures<S, K> {
    pub(super) fn new(inner: S, store: Arc<K>) -> Self {
        Self { inner, store }
    }
}

impl<S, K, B> Service<Request<ChatRequest>> for Signatures<S, K>
where
    S: Service<Request<ChatRequest>, Response = Response<B>> + Clone,
    K: SignatureStore,
{
    type Response = Response<SignatureBody<B, K>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, S::Future, K>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ChatRequest>) -> Self::Future {
        let keys = Keys::of(request.extensions().get::<Principal>());
        let gaps = Gaps::find(request.body(), &keys);
        let turns = Turns::new(keys, request.body(), Arc::clone(&self.store));
        if gaps.is_empty() {
            return ResponseFuture::inner(self.inner.call(request), turns);
        }
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let store = Arc::clone(&self.store);
        let lookup = async move {
            let kept = store.get(gaps.keys()).await;
            request.map(|chat| gaps.fill(&chat, &kept).unwrap_or(chat))
        };
        ResponseFuture::lookup(Box::pin(lookup), ready, turns)
    }
}

impl<S: Clone, K> Clone for Signatures<S, K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), store: Arc::clone(&self.store) }
    }
}

/// The store is not printed.
impl<S: fmt::Debug, K> fmt::Debug for Signatures<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signatures").field("inner", &self.inner).finish_non_exhaustive()
    }
}
