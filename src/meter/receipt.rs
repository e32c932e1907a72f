//! What is known of one request when it is over.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::price::Price;
use crate::usage::{Usage, UsageSource};

/// What is known of one request when it is over: whoever asked, whatever came of it, what it cost.
///
/// There is exactly one for each request that passes a meter. It holds no word of the prompt or the answer, and no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Receipt {
    /// Unique, and ours: what makes a record that is written twice count once.
    pub id: Arc<str>,
    /// When the request came, since the Unix epoch.
    pub time: Duration,
    /// The caller's id; `None` for requests without a [`Principal`](crate::Principal).
    pub key: Option<Arc<str>>,
    /// The model that was asked for.
    pub model: Arc<str>,
    /// The configured name of the provider that served, or of the last one that was tried; `None` if none was.
    pub provider: Option<Arc<str>>,
    /// The configured id of the model that served, or of the last one that was tried; `None` if none was.
    pub served_model: Option<Arc<str>>,
    /// What the provider called the model. Shown, never priced.
    pub upstream_model: Option<Arc<str>>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The status that the client saw: 200 for a stream that broke later, 499 if it left before there was one.
    pub status: StatusCode,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it did not end well, in a word of the meter's such as `client_aborted` or `upstream_timeout`.
    pub reason: Option<Arc<str>>,
    /// The code of the error, which says more, such as `idle_timeout` or `context_length_exceeded`.
    pub error_code: Option<Arc<str>>,
    /// OpenAI's `finish_reason`.
    pub finish_reason: Option<Arc<str>>,
    /// The tokens of all attempts together, in disjoint classes.
    pub usage: Usage,
    /// Where the tokens come from; of several attempts, the least certain.
    pub usage_source: UsageSource,
    /// What all attempts together cost, in nano-dollars. `None` where tokens were used whose price is not known.
    pub cost: Option<u64>,
    /// The price at which the model that served was charged, if it is known.
    pub price: Option<Price>,
    /// Each attempt, in order. Empty if nothing was tried.
    pub tries: Arc<[Try]>,
    /// From the request to the head of the answer.
    pub first_byte: Option<Duration>,
    /// From the request to the first frame of the answer's body.
    pub first_token: Option<Duration>,
    /// From the request to the end.
    pub duration: Duration,
    /// What the host, and the request's `metadata` and `user`, say of it: names and values, in order.
    pub tags: Arc<[(Arc<str>, Arc<str>)]>,
    /// The `x-request-id` that came with the request.
    pub client_request_id: Option<Arc<str>>,
    /// The provider's own id of the request that served.
    pub upstream_request_id: Option<Arc<str>>,
}

impl Receipt {
    /// The receipt of a request that came at this time and asked for this model, of which nothing else is known: nobody
    /// asked, nothing was tried, and it was refused.
    pub fn new(id: impl Into<Arc<str>>, time: Duration, model: impl Into<Arc<str>>) -> Self {
        Self {
            id: id.into(),
            time,
            key: None,
            model: model.into(),
            provider: None,
            served_model: None,
            upstream_model: None,
            stream: false,
            status: StatusCode::INTERNAL_SERVER_ERROR,
            outcome: Outcome::Refused,
            reason: None,
            error_code: None,
            finish_reason: None,
            usage: Usage::default(),
            usage_source: UsageSource::None,
            cost: Some(0),
            price: None,
            tries: Arc::default(),
            first_byte: None,
            first_token: None,
            duration: Duration::ZERO,
            tags: Arc::default(),
            client_request_id: None,
            upstream_request_id: None,
        }
    }
}

/// One attempt at a provider.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Try {
    /// The provider's configured name; `None` of a service of the host's own that has not said it.
    pub provider: Option<Arc<str>>,
    /// The configured id of the model that was tried.
    pub model: Arc<str>,
    /// The provider's status; `None` if it did not answer.
    pub status: Option<StatusCode>,
    /// Why it failed, in a word of the meter's.
    pub reason: Option<Arc<str>>,
    /// The code of the error, if it failed.
    pub error_code: Option<Arc<str>>,
    /// Its tokens.
    pub usage: Usage,
    /// Where they come from.
    pub usage_source: UsageSource,
    /// The price of the model, if it is known.
    pub price: Option<Price>,
    /// What it cost, in nano-dollars; `None` if tokens were used whose price is not known.
    pub cost: Option<u64>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The whole answer was handed to the connection.
    Complete,
    /// The client left.
    Aborted,
    /// Something failed behind us, or in us.
    Failed,
    /// We refused it.
    Refused,
}

impl Outcome {
    /// The word for it in a usage log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}
