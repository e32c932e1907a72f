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

mod endpoint;
mod model;
mod models;
mod router;

pub use endpoint::{Endpoint, EndpointFuture};
pub use model::{BoxBody, Model};
pub use models::Models;
pub use router::{ModelRouter, ResponseFuture};
