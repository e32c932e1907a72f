//! The five protocols, each as a whole stack before a mock, with what a test needs to break it.
#![allow(dead_code, reason = "each suite uses its own part")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceBuilder};
use tower_completions::auth::{Budget, BudgetWindow, Rate};
use tower_completions::client::Client;
use tower_completions::clock::ManualClock;
use tower_completions::limit::{Allowance, Cost, LimitStore, MemoryLimits, Subject, SubjectKind};
use tower_completions::meter::{MeterLayer, Receipt};
use tower_completions::mock::{EventStream, Mock};
use tower_completions::price::{Price, PriceBook};
use tower_completions::route::BoxBody;
use tower_completions::timeout::TimeoutLayer;
use tower_completions::translate::{Anthropic, Azure, Bedrock, Dialect, Gemini, OpenAi};
use tower_completions::{
    Attempts, BoxError, ChatLayer, ChatRequest, Endpoint, Limits, Model, ModelRouter, Principal, RateLimitLayer,
    TranslateLayer,
};

use crate::support::{Gateway, SOON, UPSTREAM_KEY};

/// A protocol, and the bytes of its own that say certain things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    OpenAi,
    Azure,
    Anthropic,
    Gemini,
    Bedrock,
}

pub(crate) const ALL: [Spoken; 5] = [Spoken::OpenAi, Spoken::Azure, Spoken::Anthropic, Spoken::Gemini, Spoken::Bedrock];

/// How large a whole answer may be in these stacks.
pub(crate) const MAX_ANSWER: usize = 64 << 10;
/// How long a provider may be silent where it will be, and where a busy machine must not look like it.
pub(crate) const SHORT: Duration = Duration::from_secs(1);
pub(crate) const LONG: Duration = Duration::from_secs(60);

impl Spoken {
    pub(crate) fn mock(self) -> Mock {
        match self {
            Self::OpenAi => Mock::openai(),
            Self::Azure => Mock::azure(),
            Self::Anthropic => Mock::anthropic(),
            Self::Gemini => Mock::gemini(),
            Self::Bedrock => Mock::bedrock(),
        }
    }

    /// Model `m`, before a provider at this address, which may be silent for so long.
    pub(crate) fn model(self, base_url: &str, patience: Duration) -> Model {
        Model::new("m", self.service(base_url, patience))
    }

    /// The service of such a provider.
    pub(crate) fn service(self, base_url: &str, patience: Duration) -> Connected {
        match self {
            Self::OpenAi => {
                connected(OpenAi::new(&format!("{base_url}/v1")).unwrap().key(UPSTREAM_KEY).unwrap(), patience)
            }
            Self::Azure => {
                connected(Azure::new(&format!("{base_url}/openai/v1")).unwrap().key(UPSTREAM_KEY).unwrap(), patience)
            }
            Self::Anthropic => connected(Anthropic::new(base_url).unwrap().key(UPSTREAM_KEY).unwrap(), patience),
            Self::Gemini => connected(Gemini::new(base_url).unwrap().key(UPSTREAM_KEY).unwrap(), patience),
            Self::Bedrock => connected(Bedrock::new(base_url).unwrap().key(UPSTREAM_KEY).unwrap(), patience),
        }
    }

    /// What its streams are said to be.
    pub(crate) fn stream_type(self) -> &'static str {
        if self == Self::Bedrock { EventStream::MEDIA_TYPE } else { "text/event-stream" }
    }

    /// An error object in the place of an answer: the provider failed.
    pub(crate) fn failure(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Azure => r#"{"error":{"message":"planted","type":"server_error","code":null}}"#,
            Self::Anthropic => r#"{"type":"error","error":{"type":"api_error","message":"planted"}}"#,
            Self::Gemini => r#"{"error":{"code":500,"message":"planted","status":"INTERNAL"}}"#,
            Self::Bedrock => r#"{"__type":"InternalServerException","message":"planted"}"#,
        }
    }

    /// The provider's own word, in the middle of a stream, that it is overloaded.
    pub(crate) fn overload_event(self) -> Bytes {
        match self {
            Self::OpenAi | Self::Azure => "data: {\"error\":{\"message\":\"planted\",\"type\":\"overloaded_error\"}}\n\n".into(),
            Self::Anthropic => "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"planted\"}}\n\n".into(),
            Self::Gemini => "data: {\"error\":{\"code\":503,\"message\":\"planted\",\"status\":\"UNAVAILABLE\"}}\n\n".into(),
            Self::Bedrock => {
                EventStream::new().exception("serviceUnavailableException", r#"{"message":"planted"}"#).into()
            }
        }
    }

    /// An event that is none.
    pub(crate) fn broken_event(self) -> Bytes {
        match self {
            Self::Anthropic => "event: content_block_delta\ndata: {\"type\":\n\n".into(),
            Self::Bedrock => {
                let event: Bytes = EventStream::new().event("contentBlockDelta", "{}").into();
                let mut bytes = event.to_vec();
                // The checksum no longer fits.
                let last = bytes.len() - 5;
                bytes[last] ^= 1;
                bytes.into()
            }
            _ => "data: {\n\n".into(),
        }
    }

    /// An event that is longer than any may be.
    pub(crate) fn endless_event(self) -> Bytes {
        match self {
            Self::Bedrock => EventStream::new().event("contentBlockDelta", "x".repeat(9 << 20)).into(),
            _ => format!("data: {}", "x".repeat(9 << 20)).into(),
        }
    }

    /// Where each event of a stream ends.
    pub(crate) fn boundaries(self, stream: &[u8]) -> Vec<usize> {
        let mut ends = Vec::new();
        if self == Self::Bedrock {
            let mut at = 0;
            while let Some(length) = stream.get(at..at + 4) {
                at += u32::from_be_bytes(length.try_into().unwrap()) as usize;
                ends.push(at);
            }
            return ends;
        }
        for at in 1..=stream.len() {
            if stream[..at].ends_with(b"\n\n") || stream[..at].ends_with(b"\r\n\r\n") {
                ends.push(at);
            }
        }
        ends
    }
}

pub(crate) type Connected = BoxCloneSyncService<Request<ChatRequest>, Response<BoxBody>, BoxError>;

fn connected<D>(dialect: D, patience: Duration) -> Connected
where
    D: Dialect<Decoder: Send> + Send + Sync + 'static,
{
    let service = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(BoxBody::new))
        .layer(TimeoutLayer::new().first_byte(patience).idle(patience))
        .layer(TranslateLayer::new(dialect).provider("p").max_answer(MAX_ANSWER))
        .service(Client::new());
    BoxCloneSyncService::new(service)
}

/// A stack on a socket, with limits on a clock that stands still, and what was tried for the last request.
pub(crate) struct Bench {
    store: Arc<MemoryLimits<ManualClock>>,
    last: Arc<Mutex<Attempts>>,
    receipts: Arc<Mutex<Vec<Receipt>>>,
    pub(crate) gateway: Gateway,
    pub(crate) client: Client,
}

const MANY: u64 = 1 << 40;

/// Far away, so that what is counted is what was used.
fn wide() -> Limits {
    let rate = Rate::new(MANY, Duration::from_secs(1 << 30));
    Limits::new().requests(rate).tokens(rate).parallel(MANY).budget(Budget::new(MANY, BudgetWindow::Total))
}

impl Bench {
    /// These models, each of which costs a dollar for a million tokens in, and ten out.
    pub(crate) async fn of(models: impl IntoIterator<Item = Model>, ids: &[&str]) -> Self {
        Self::of_router(ModelRouter::new(models), ids).await
    }

    /// The same with a router.
    pub(crate) async fn of_router(router: ModelRouter, ids: &[&str]) -> Self {
        let list = router.models();
        let store = Arc::new(MemoryLimits::<ManualClock>::default());
        let price = |id: &&str| (id.to_string(), Price::per_million(1.0, 10.0).unwrap());
        let prices = PriceBook::from_prices(ids.iter().map(price));
        let limits = RateLimitLayer::new(store.clone()).prices(prices.clone());
        let receipts = Arc::new(Mutex::new(Vec::new()));
        let book = receipts.clone();
        let meter = MeterLayer::new(move |receipt: &Receipt| book.lock().unwrap().push(receipt.clone())).prices(prices);
        let last = Arc::new(Mutex::new(Attempts::new()));
        let seen = last.clone();
        let chat = ChatLayer::new().layer(meter.layer(limits.layer(router)));
        let service = ServiceBuilder::new()
            .map_request(move |mut request: Request<axum::body::Body>| {
                let attempts = Attempts::new();
                *seen.lock().unwrap() = attempts.clone();
                request.extensions_mut().insert(attempts);
                request.extensions_mut().insert(Principal::new("alice").limits(wide()));
                request
            })
            .service(Endpoint::new(chat, list));
        Self { store, last, receipts, gateway: Gateway::of(service).await, client: Client::new() }
    }

    /// What was tried for the last request: the provider's status, and the failure.
    pub(crate) fn tried(&self) -> Vec<(Option<u16>, Option<String>)> {
        let attempts = self.last.lock().unwrap().list();
        let words = |attempt: tower_completions::usage::Attempt| {
            (attempt.status.map(|status| status.as_u16()), attempt.cell.observed().failure)
        };
        attempts.into_iter().map(words).collect()
    }

    /// The one receipt since the last time.
    #[track_caller]
    pub(crate) fn receipt(&self) -> Receipt {
        let mut receipts = std::mem::take(&mut *self.receipts.lock().unwrap());
        assert_eq!(receipts.len(), 1, "{receipts:?}");
        receipts.remove(0)
    }

    /// What was used, once no answer is in progress.
    pub(crate) async fn settled(&self) -> Cost {
        let subject = || Subject { kind: SubjectKind::Caller, id: "alice".into(), limits: wide() };
        let settled = async {
            loop {
                let standing = self.store.standing(vec![subject()]).await.unwrap().remove(0);
                let used = |allowance: Option<Allowance>| allowance.map_or(0, |of| of.limit - of.remaining);
                if used(standing.parallel) == 0 {
                    let nano_usd = standing.budget.map_or(0, |budget| budget.spent);
                    return Cost { requests: used(standing.requests), tokens: used(standing.tokens), nano_usd };
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(SOON, settled).await.expect("the permit comes back")
    }
}

/// So many requests, prompt tokens and tokens of answers, at the prices of [`Bench::of`].
pub(crate) fn cost(requests: u64, input: u64, output: u64) -> Cost {
    Cost { requests, tokens: input + output, nano_usd: input * 1_000 + output * 10_000 }
}
