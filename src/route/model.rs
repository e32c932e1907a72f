use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{BufMut, Bytes};
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use crate::chat::ChatRequest;
use crate::error::BoxError;
use crate::json::{write_str, write_u64};

/// The body of whatever service answers a model.
pub type BoxBody = UnsyncBoxBody<Bytes, BoxError>;

/// The service behind a model, whatever its type.
pub(super) type BoxService = BoxCloneSyncService<Request<ChatRequest>, Response<BoxBody>, BoxError>;

/// A model that clients can ask for: its id, what they are told about it, and the service that answers.
#[derive(Clone)]
pub struct Model {
    id: Arc<str>,
    upstream: Option<Arc<str>>,
    owned_by: Arc<str>,
    created: u64,
    service: BoxService,
}

impl Model {
    /// A model with this id, answered by this service.
    ///
    /// The service can be a [`Translate`](crate::translate::Translate) around an HTTP client, or anything else that takes
    /// a [`ChatRequest`]: a model in the same process, a queue, a mock.
    pub fn new<S, B>(id: impl Into<Arc<str>>, service: S) -> Self
    where
        S: Service<Request<ChatRequest>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let service = service
            .map_response(|response: Response<B>| response.map(|body| body.map_err(Into::into).boxed_unsync()))
            .map_err(Into::into);
        Self {
            id: id.into(),
            upstream: None,
            owned_by: "tower-completions".into(),
            created: seconds(SystemTime::now()),
            service: BoxCloneSyncService::new(service),
        }
    }

    /// The model's name upstream, if it is another than its id.
    #[must_use]
    pub fn upstream(mut self, name: impl Into<Arc<str>>) -> Self {
        self.upstream = Some(name.into());
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

    /// The request as the service gets it: under the model's name upstream.
    pub(super) fn prepare(&self, chat: ChatRequest) -> ChatRequest {
        match &self.upstream {
            Some(upstream) => chat.with_model(upstream.clone()),
            None => chat,
        }
    }

    pub(super) fn service(&self) -> BoxService {
        self.service.clone()
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
