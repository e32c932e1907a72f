use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use pin_project_lite::pin_project;
use tower::ServiceExt;
use tower::util::Oneshot;
use tower_service::Service;

use crate::chat::ChatRequest;
use crate::error::BoxError;

/// The body of whatever service answers a model.
pub type BoxBody = UnsyncBoxBody<Bytes, BoxError>;

/// What whatever service answers a model says.
pub(super) type Answer = Result<Response<BoxBody>, BoxError>;

/// A request on its way to such a service.
pub(super) type Call = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The service behind a model, whatever its type. Each request is asked of a clone, which is waited for.
pub(super) trait Ask: Send + Sync {
    /// Asks a clone, when that is ready. All that one request needs is in one box: the clone, the request, the future.
    fn ask(&self, request: Request<ChatRequest>) -> Call;
}

impl<S, B> Ask for S
where
    S: Service<Request<ChatRequest>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn ask(&self, request: Request<ChatRequest>) -> Call {
        Box::pin(Asked { call: self.clone().oneshot(request) })
    }
}

/// Such a service, for all requests.
pub(super) type Asks = Arc<dyn Ask>;

pin_project! {
    struct Asked<S: Service<Request<ChatRequest>>> {
        #[pin]
        call: Oneshot<S, Request<ChatRequest>>,
    }
}

impl<S, B> Future for Asked<S>
where
    S: Service<Request<ChatRequest>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        self.project().call.poll(cx).map(|answer| match answer {
            Ok(response) => Ok(response.map(boxed_body)),
            Err(error) => Err(error.into()),
        })
    }
}

/// Any body in a box; one that is in a box already stays in that.
fn boxed_body<B>(body: B) -> BoxBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut body = Some(body);
    let known = (&mut body as &mut dyn Any).downcast_mut::<Option<BoxBody>>().and_then(Option::take);
    known.or_else(|| body.map(|body| body.map_err(Into::into).boxed_unsync())).unwrap_or_default()
}
