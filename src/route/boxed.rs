use std::any::Any;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use crate::chat::ChatRequest;
use crate::error::BoxError;

/// The body of whatever service answers a model.
pub type BoxBody = UnsyncBoxBody<Bytes, BoxError>;

/// The service behind a model, whatever its type.
pub(super) type BoxService = BoxCloneSyncService<Request<ChatRequest>, Response<BoxBody>, BoxError>;

/// Any service that answers chats, in a box.
pub(super) fn boxed<S, B>(service: S) -> BoxService
where
    S: Service<Request<ChatRequest>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let service = service.map_response(|response: Response<B>| response.map(boxed_body)).map_err(Into::into);
    BoxCloneSyncService::new(service)
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
