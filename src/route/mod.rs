//! Which service answers which model, and the list of models.
//!
//! [`ModelRouter`] is where a stack ends and its providers begin. A model is an id and any service that takes a
//! [`ChatRequest`](crate::ChatRequest):
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, service_fn};
//! use tower_completions::{BoxError, ChatLayer, ChatRequest, Endpoint, Model, ModelRouter};
//!
//! // The host's own service answers a model.
//! let echo = service_fn(async |request: Request<ChatRequest>| {
//!     let answer = format!(r#"{{"object":"chat.completion","model":"{}"}}"#, request.body().model());
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(answer))))
//! });
//!
//! let router = ModelRouter::new([Model::new("echo-1", echo).owned_by("me")]);
//! let models = router.models();
//! let chat = ServiceBuilder::new().layer(ChatLayer::new()).service(router);
//! let endpoint = Endpoint::new(chat, models);
//! # let _: &dyn Send = &endpoint;
//! ```
//!
//! With a router of the host's own, [`ModelRouter`] goes under `/v1/chat/completions` and [`ModelRouter::models`] under
//! `/v1/models` and `/v1/models/{*id}`; [`Endpoint`] is for hosts that have none.

//!
//! # When somebody fails
//!
//! Three layers of it, each of use alone, and each until the first byte of an answer, never after it: [`RetryPolicy`] asks the
//! same provider again, [`Targets`] asks another place for the same model and lets the broken one rest, and
//! [`Model::fallbacks`] let another model stand in. Which failure leads where is a
//! [`FailureClass`](crate::error::FailureClass); `docs/routing.md` has the table.

mod boxed;
mod endpoint;
mod fallback;
mod future;
mod model;
mod models;
#[cfg(feature = "retry")]
mod retry;
mod router;
mod served;
mod targets;
#[cfg(test)]
mod testing;

pub use boxed::BoxBody;
pub use endpoint::{Endpoint, EndpointFuture};
pub use future::ResponseFuture;
pub use model::Model;
pub use models::Models;
#[cfg(feature = "retry")]
pub use retry::{RetryPolicy, RetryWait};
pub use router::ModelRouter;
pub use targets::{
    Balance, Health, StickyKey, Target, TargetBody, TargetSnapshot, TargetState, Targets, TargetsFuture,
};
