use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use tower_service::Service;

use super::boxed::BoxBody;
use super::future::ResponseFuture;
use super::model::Model;
use super::models::Models;
use crate::auth::Principal;
use crate::body::ResponseBody;
use crate::chat::ChatRequest;
use crate::error::BoxError;

/// Finds the service that answers a model.
///
/// A model that does not exist, and one that the [`Principal`]'s filter does not allow, both answer 404
/// `model_not_found`: what a key may not use looks like what is not there. Without a principal every model is allowed.
///
/// A model that fails before the first byte of its answer may have [others](Model::fallbacks) that stand in for it: each gets
/// the client's request anew, in its own protocol. Whether one is tried, the [class](crate::error::FailureClass) of the
/// failure decides. When all have failed, the client is told of the failure of the model that it asked for.
///
/// Who answered is in the extension [`Served`](crate::Served), and in the headers `x-served-model`, `x-served-provider` and
/// `x-served-attempts`. What was tried is in the request's [`Attempts`](crate::Attempts), if somebody has put them there.
///
/// Always ready: the services of its models are waited for one request at a time. Cheap to clone.
#[derive(Clone, Default)]
pub struct ModelRouter {
    models: Arc<Registry>,
}

/// The models, in the order in which they were given.
#[derive(Default)]
pub(super) struct Registry {
    pub(super) models: Vec<Model>,
    by_id: HashMap<Arc<str>, usize>,
}

impl Registry {
    /// The model of this id, if the caller may know of it.
    pub(super) fn find(&self, id: &str, caller: &Extensions) -> Option<&Model> {
        self.position(id, caller).map(|at| &self.models[at])
    }

    /// The place of that model.
    pub(super) fn position(&self, id: &str, caller: &Extensions) -> Option<usize> {
        self.by_id.get(id).copied().filter(|&at| is_allowed(&self.models[at], caller))
    }

    /// The models that the caller may know of.
    pub(super) fn list(&self, caller: &Extensions) -> impl Iterator<Item = &Model> {
        self.models.iter().filter(|model| is_allowed(model, caller))
    }
}

fn is_allowed(model: &Model, caller: &Extensions) -> bool {
    caller.get::<Principal>().is_none_or(|principal| principal.models.allows(model.id()))
}

impl FromIterator<Model> for ModelRouter {
    fn from_iter<I: IntoIterator<Item = Model>>(models: I) -> Self {
        let mut registry = Registry::default();
        for model in models {
            match registry.by_id.get(model.id()) {
                Some(&at) => registry.models[at] = model,
                None => {
                    registry.by_id.insert(model.id().clone(), registry.models.len());
                    registry.models.push(model);
                }
            }
        }
        Self { models: Arc::new(registry) }
    }
}

impl ModelRouter {
    /// A router for these models. Of two with the same id the later one counts.
    pub fn new(models: impl IntoIterator<Item = Model>) -> Self {
        models.into_iter().collect()
    }

    /// The service for `GET /v1/models` and `GET /v1/models/{id}`.
    pub fn models(&self) -> Models {
        Models::new(self.models.clone())
    }
}

impl fmt::Debug for ModelRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.models.models).finish()
    }
}

impl Service<Request<ChatRequest>> for ModelRouter {
    type Response = Response<ResponseBody<BoxBody>>;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ChatRequest>) -> ResponseFuture {
        match self.models.position(request.body().model(), request.extensions()) {
            Some(at) => ResponseFuture::calling(self.models.clone(), at, request),
            None => ResponseFuture::not_found(request.body().model()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::auth::ModelFilter;
    use crate::error::ApiError;
    use crate::usage::Served;

    /// Answers with the body that arrives.
    fn model(id: &str) -> Model {
        let echo = service_fn(async |request: Request<ChatRequest>| {
            Ok::<_, Infallible>(Response::new(Full::new(request.into_body().to_bytes())))
        });
        Model::new(id, echo)
    }

    fn ask(model: &str) -> Request<ChatRequest> {
        let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user"}}]}}"#);
        Request::new(ChatRequest::from_bytes(body).unwrap())
    }

    #[tokio::test]
    async fn renames_and_says_who_served() {
        let router = ModelRouter::new([model("a").upstream("b"), model("a\u{7f}"), model("modèl")]);
        let response = router.clone().oneshot(ask("a")).await.unwrap();
        assert_eq!(response.headers()["x-served-model"], "a");
        assert_eq!(response.headers()["x-served-provider"], "in-process");
        assert_eq!(*response.extensions().get::<Served>().unwrap().model, *"a");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, ask("b").into_body().to_bytes());
        for odd in ["a\u{7f}", "modèl"] {
            let response = router.clone().oneshot(ask(odd)).await.unwrap();
            assert!(!response.headers().contains_key("x-served-model"), "what a header cannot hold is left out");
            assert_eq!(*response.extensions().get::<Served>().unwrap().model, *odd);
        }
    }

    #[tokio::test]
    async fn a_refusal_names_nobody() {
        let refuse = service_fn(async |_: Request<ChatRequest>| {
            let refusal: Response<ResponseBody<Full<Bytes>>> = ApiError::unsupported_parameter("n").into_response();
            Ok::<_, Infallible>(refusal)
        });
        let response = ModelRouter::new([Model::new("a", refuse)]).oneshot(ask("a")).await.unwrap();
        assert!(response.extensions().get::<Served>().is_none());
        assert!(!response.headers().contains_key("x-served-provider"));
    }

    #[tokio::test]
    async fn the_later_of_two_models_counts_and_the_order_stays() {
        let router = ModelRouter::new([model("a").upstream("old"), model("b"), model("a").upstream("new")]);
        assert_eq!(router.models.list(&Extensions::new()).map(|model| &**model.id()).collect::<Vec<_>>(), ["a", "b"]);
        let body = router.oneshot(ask("a")).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, ask("new").into_body().to_bytes());
    }

    #[tokio::test]
    async fn what_is_not_allowed_is_not_found() {
        let router = ModelRouter::new([model("a"), model("b")]);
        for (id, status) in [("a", 200), ("b", 404), ("c", 404)] {
            let mut request = ask(id);
            request.extensions_mut().insert(Principal::new("x").models(ModelFilter::new(["a", "c"])));
            assert_eq!(router.clone().oneshot(request).await.unwrap().status(), status, "{id}");
        }
    }
}
