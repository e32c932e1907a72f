use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{BufMut, Bytes};
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::boxed::{Asks, Call};
use super::fallback::{Chain, Fallbacks};
use crate::chat::ChatRequest;
use crate::error::BoxError;
use crate::json::{write_str, write_u64};

/// A model that clients can ask for: its id, what they are told about it, the service that answers, and who stands in for it.
#[derive(Clone)]
pub struct Model {
    id: Arc<str>,
    upstream: Option<Arc<str>>,
    owned_by: Arc<str>,
    created: u64,
    service: Asks,
    fallbacks: Fallbacks,
}

impl Model {
    /// A model with this id, answered by this service.
    ///
    /// The service can be a [`Translate`](crate::translate::Translate) around an HTTP client, [`Targets`](super::Targets)
    /// for several of these, or anything else that takes a [`ChatRequest`]: a model in the same process, a queue, a mock.
    pub fn new<S, B>(id: impl Into<Arc<str>>, service: S) -> Self
    where
        S: Service<Request<ChatRequest>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self {
            id: id.into(),
            upstream: None,
            owned_by: "tower-completions".into(),
            created: seconds(SystemTime::now()),
            service: Arc::new(service),
            fallbacks: Fallbacks::default(),
        }
    }

    /// The model's name upstream, if it is another than its id.
    #[must_use]
    pub fn upstream(mut self, name: impl Into<Arc<str>>) -> Self {
        self.upstream = Some(name.into());
        self
    }

    /// The models that are tried in its place, in this order, when it fails before the first byte of an answer: see
    /// [`FailureClass::falls_back`](crate::error::FailureClass::falls_back).
    ///
    /// Only this list counts, not the fallbacks of a fallback. An id that the router does not know is passed over, and so is
    /// one that the caller's [`ModelFilter`](crate::ModelFilter) does not allow.
    #[must_use]
    pub fn fallbacks(mut self, ids: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.fallbacks.set(Chain::Usual, ids);
        self
    }

    /// The models that are tried when the prompt is too long for this one: larger ones. None by default.
    #[must_use]
    pub fn context_window_fallbacks(mut self, ids: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.fallbacks.set(Chain::ContextWindow, ids);
        self
    }

    /// The models that are tried when the provider's policy on content refuses the prompt with an error. None by default.
    #[must_use]
    pub fn content_policy_fallbacks(mut self, ids: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.fallbacks.set(Chain::ContentPolicy, ids);
        self
    }

    /// Who owns the model: `owned_by` in the list of models.
    #[must_use]
    pub fn owned_by(mut self, owner: impl Into<Arc<str>>) -> Self {
        self.owned_by = owner.into();
        self
    }

    /// Since when there is the model: `created` in the list of models. The present by default.
    #[must_use]
    pub fn created(mut self, time: SystemTime) -> Self {
        self.created = seconds(time);
        self
    }

    pub(super) fn id(&self) -> &Arc<str> {
        &self.id
    }

    pub(super) fn stand_ins(&self) -> &Fallbacks {
        &self.fallbacks
    }

    /// The request as the service gets it: under the model's name upstream.
    pub(super) fn prepare(&self, chat: ChatRequest) -> ChatRequest {
        let name = self.upstream.as_ref().unwrap_or(&self.id);
        if chat.model() == &**name { chat } else { chat.with_model(name.clone()) }
    }

    /// Asks the service.
    pub(super) fn ask(&self, request: Request<ChatRequest>) -> Call {
        self.service.ask(request)
    }

    /// Appends [OpenAI's model object](https://platform.openai.com/docs/api-reference/models/object).
    pub(super) fn write(&self, out: &mut impl BufMut) {
        out.put_slice(br#"{"id":"#);
        write_str(out, &self.id);
        out.put_slice(br#","object":"model","created":"#);
        write_u64(out, self.created);
        out.put_slice(br#","owned_by":"#);
        write_str(out, &self.owned_by);
        out.put_slice(b"}");
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("id", &self.id).field("upstream", &self.upstream).finish_non_exhaustive()
    }
}
