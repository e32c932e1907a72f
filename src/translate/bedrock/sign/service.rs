use std::fmt;
use std::mem;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower_service::Service;

use super::layer::Signing;
use super::{CredentialSource, ResponseFuture};
use crate::error::BoxError;

/// The service of [`SigV4Layer`](super::SigV4Layer).
///
/// A request that cannot be signed is not sent. Its error is an [`ApiError`](crate::ApiError) in a box, as the errors of
/// tower's own layers are: 503 `upstream_credentials_unavailable` if the source has no credentials.
pub struct SigV4<S, K> {
    inner: S,
    signing: Signing<K>,
}

impl<S, K> SigV4<S, K> {
    pub(super) fn new(inner: S, signing: Signing<K>) -> Self {
        Self { inner, signing }
    }
}

impl<S, K> Service<Request<Full<Bytes>>> for SigV4<S, K>
where
    S: Service<Request<Full<Bytes>>, Error: Into<BoxError>> + Clone,
    K: CredentialSource + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ResponseFuture::new(Box::pin(self.signing.clone().sign(request)), ready)
    }
}

impl<S: Clone, K> Clone for SigV4<S, K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), signing: self.signing.clone() }
    }
}

impl<S: fmt::Debug, K> fmt::Debug for SigV4<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.signing.region();
        f.debug_struct("SigV4").field("inner", &self.inner).field("region", &region).finish_non_exhaustive()
    }
}
