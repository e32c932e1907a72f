use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::chat::ChatRequest;
use crate::error::BoxError;
use crate::route::boxed::{Asks, Call};

/// One place where a model can be asked: a provider, a region, a key.
#[derive(Clone)]
pub struct Target {
    pub(super) name: Arc<str>,
    service: Asks,
    pub(super) weight: u32,
    upstream: Option<Arc<str>>,
}

impl Target {
    /// A target with this name, which the host sees in a [snapshot](super::Targets::snapshot), and this service, which is
    /// whatever a [`Model`](crate::Model) takes.
    pub fn new<S, B>(name: impl Into<Arc<str>>, service: S) -> Self
    where
        S: Service<Request<ChatRequest>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self { name: name.into(), service: Arc::new(service), weight: 1, upstream: None }
    }

    /// How much of the traffic it gets, compared with the others: 1 by default. With 0 it is asked when all others fail.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// The model's name there, if it is another than the router's.
    #[must_use]
    pub fn upstream(mut self, name: impl Into<Arc<str>>) -> Self {
        self.upstream = Some(name.into());
        self
    }

    /// Asks the service, under the model's name there.
    pub(super) fn ask(&self, request: Request<ChatRequest>) -> Call {
        self.service.ask(request.map(|chat| match &self.upstream {
            Some(name) => chat.with_model(name.clone()),
            None => chat,
        }))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("weight", &self.weight)
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}
