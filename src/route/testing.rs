//! What the tests of this room share.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt};

use super::{BoxBody, Target, Targets};
use crate::chat::ChatRequest;
use crate::clock::Clock;
use crate::error::BoxError;
use crate::mock::Mock;
use crate::translate::{Anthropic, Dialect, OpenAi, TranslateLayer};
use crate::usage::Attempts;

/// tokio's clock, which a test can pause.
pub(super) struct TokioClock(Instant);

impl TokioClock {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        Duration::from_secs(1_792_567_600) + self.0.elapsed()
    }
}

pub(super) fn ask(model: &str) -> Request<ChatRequest> {
    with(model, "")
}

/// A request with more fields, which begin with a comma.
pub(super) fn with(model: &str, more: &str) -> Request<ChatRequest> {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"x"}}]{more}}}"#);
    Request::new(ChatRequest::from_bytes(body).unwrap())
}

type BoxService = BoxCloneSyncService<Request<ChatRequest>, Response<BoxBody>, BoxError>;

/// A dialect over a mock.
fn over(mock: &Mock, dialect: impl Dialect<Decoder: Send> + Send + Sync + 'static, provider: &str) -> BoxService {
    let service = TranslateLayer::new(dialect).provider(provider).layer(mock.clone()).map_err(Into::into);
    BoxCloneSyncService::new(service.map_response(|response: Response<_>| response.map(BoxBody::new)))
}

pub(super) fn openai(mock: &Mock, provider: &str) -> BoxService {
    over(mock, OpenAi::new("http://h/v1").unwrap(), provider)
}

pub(super) fn anthropic(mock: &Mock, provider: &str) -> BoxService {
    over(mock, Anthropic::new("http://h").unwrap(), provider)
}

/// Targets with these names, each an OpenAI-shaped mock.
pub(super) fn targets<const N: usize>(names: [&str; N]) -> (Targets, [Mock; N]) {
    let mocks = std::array::from_fn(|_| Mock::openai());
    let each = names.into_iter().zip(&mocks).map(|(name, mock)| Target::new(name, openai(mock, name)));
    (Targets::new(each).clock(TokioClock::new()), mocks)
}

/// Status and code, of an answer that is read to its end.
pub(super) async fn read<B>(response: Response<B>) -> (u16, String)
where
    B: http_body::Body<Data = bytes::Bytes>,
    B::Error: std::fmt::Debug,
{
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    (status, json["error"]["code"].as_str().unwrap_or_default().to_owned())
}

/// What was tried: provider, model, the provider's status, the failure.
pub(super) fn tried(attempts: &Attempts) -> Vec<(String, String, u16, String)> {
    let words = |attempt: crate::usage::Attempt| {
        let status = attempt.status.map_or(0, |status| status.as_u16());
        let failure = attempt.cell.observed().failure.unwrap_or_default();
        (attempt.provider.to_string(), attempt.model.to_string(), status, failure)
    };
    attempts.list().into_iter().map(words).collect()
}
