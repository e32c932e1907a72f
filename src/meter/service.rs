use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::MeterBody;
use super::future::ResponseFuture;
use super::guard::Guard;
use super::meter::Meter;
use crate::chat::ChatRequest;
use crate::error::BoxError;

/// The service that [`MeterLayer`](super::MeterLayer) makes.
pub struct Metered<S> {
    inner: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    pub(super) fn new(inner: S, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }
}

impl<S, ResB> Service<Request<ChatRequest>> for Metered<S>
where
    S: Service<Request<ChatRequest>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Response = Response<MeterBody<ResB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<ChatRequest>) -> Self::Future {
        // Before the inner service is called: it may panic.
        let guard = Guard::new(&self.meter, &mut request);
        ResponseFuture::new(self.inner.call(request), guard)
    }
}

impl<S: Clone> Clone for Metered<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), meter: Arc::clone(&self.meter) }
    }
}

/// The sink is not printed.
impl<S: fmt::Debug> fmt::Debug for Metered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered").field("inner", &self.inner).finish_non_exhaustive()
    }
}
