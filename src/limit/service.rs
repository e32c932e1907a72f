use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::body::LimitBody;
use super::estimate::{Estimate, is_unpriced, unpriced};
use super::future::{ResponseFuture, Waiting};
use super::guard::Guard;
use super::limiter::Limiter;
use super::store::Ask;
use crate::auth::Principal;
use crate::body::ResponseBody;
use crate::chat::ChatRequest;
use crate::error::BoxError;
use crate::usage::Attempts;

/// The service that [`RateLimitLayer`](super::RateLimitLayer) makes.
pub struct RateLimit<S> {
    inner: S,
    limiter: Arc<Limiter>,
}

impl<S> RateLimit<S> {
    pub(super) fn new(inner: S, limiter: Arc<Limiter>) -> Self {
        Self { inner, limiter }
    }
}

impl<S, ResB> Service<Request<ChatRequest>> for RateLimit<S>
where
    S: Service<Request<ChatRequest>, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<LimitBody<ResB>>>;
    type Error = BoxError;
    type Future = ResponseFuture<S, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<ChatRequest>) -> Self::Future {
        let chat = request.body();
        let subjects = self.limiter.subjects(request.extensions(), chat.model());
        if subjects.is_empty() {
            return ResponseFuture::free(self.inner.call(request));
        }
        let principal = request.extensions().get::<Principal>();
        let caller = principal.map_or("", |principal| &principal.id);
        let estimate = Estimate::new(&self.limiter, chat, caller);
        let is_unpriced = is_unpriced(&estimate, &subjects);
        let refusal =
            (is_unpriced && self.limiter.enforce).then(|| unpriced(chat.model(), &self.limiter.models, principal));
        // The ready service leaves also for a refusal, so that one who is refused keeps no permit on an idle connection.
        let clone = self.inner.clone();
        let service = mem::replace(&mut self.inner, clone);
        if let Some(refusal) = refusal {
            return ResponseFuture::refused(refusal);
        }
        let ask = Ask { subjects, estimate: estimate.cost(), enforce: self.limiter.enforce };
        let admitting = self.limiter.admit(ask);
        let attempts = Attempts::of(request.extensions_mut());
        let mut guard = Guard::new(Arc::clone(&self.limiter), estimate, attempts);
        guard.notes.is_unpriced = is_unpriced;
        ResponseFuture::admitting(admitting, Waiting { service, request, guard })
    }
}

impl<S: Clone> Clone for RateLimit<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), limiter: Arc::clone(&self.limiter) }
    }
}

/// The store is not printed.
impl<S: fmt::Debug> fmt::Debug for RateLimit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("inner", &self.inner).finish_non_exhaustive()
    }
}
