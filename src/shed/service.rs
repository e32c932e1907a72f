use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::body::ShedBody;
use super::future::ResponseFuture;
use super::layer::ShedLayer;
use crate::body::ResponseBody;

/// The service that [`ShedLayer`] makes.
#[derive(Clone, Debug)]
pub struct Shed<S> {
    inner: S,
    layer: ShedLayer,
}

impl<S> Shed<S> {
    pub(super) fn new(inner: S, layer: ShedLayer) -> Self {
        Self { inner, layer }
    }
}

impl<S, B, ResB> Service<Request<B>> for Shed<S>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
{
    type Response = Response<ResponseBody<ShedBody<ResB>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.layer.admit(request.extensions()) {
            Ok(place) => ResponseFuture::calling(self.inner.call(request), place),
            Err(error) => {
                // The ready service leaves for a refusal, too, so that who is refused keeps no permit on an idle connection.
                self.inner = self.inner.clone();
                ResponseFuture::refused(error)
            }
        }
    }
}
