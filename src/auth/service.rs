use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::KeyStore;
use super::future::ResponseFuture;
use super::presented::Sources;
use crate::body::ResponseBody;

/// The service of [`AuthLayer`](super::AuthLayer).
pub struct Auth<S, K> {
    inner: S,
    keys: Arc<K>,
    sources: Sources,
}

impl<S, K> Auth<S, K> {
    pub(super) fn new(inner: S, keys: Arc<K>, sources: Sources) -> Self {
        Self { inner, keys, sources }
    }
}

impl<S, K, B, ResB> Service<Request<B>> for Auth<S, K>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
    K: KeyStore + Send + Sync + 'static,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The ready service leaves also for a refusal, so that one who is refused keeps no permit on an idle connection.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        match self.sources.take(request.headers_mut()) {
            Some(key) => {
                let keys = Arc::clone(&self.keys);
                ResponseFuture::lookup(Box::pin(async move { keys.lookup(&key).await }), ready, request)
            }
            None => ResponseFuture::refused(),
        }
    }
}

impl<S: Clone, K> Clone for Auth<S, K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), keys: Arc::clone(&self.keys), sources: self.sources }
    }
}

/// The store is not printed.
impl<S: fmt::Debug, K> fmt::Debug for Auth<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("inner", &self.inner).field("sources", &self.sources).finish_non_exhaustive()
    }
}
