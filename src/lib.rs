//! Tower layers that serve and govern OpenAI-compatible chat completions.
//!
//! A host puts them around its own services: clients talk to it with any OpenAI SDK, and behind it answer OpenAI, servers
//! that imitate it, Azure, Claude, Gemini, Bedrock, or a service of the host's own, whole and streamed. Everything is a
//! [`tower::Layer`] or a [`tower::Service`] of `http::Request<_>`, so tower's and tower-http's layers fit in between.
//!
//! ```text
//! host's own router (axum, hyper, anything that takes a tower Service)
//!   └─ AuthLayer            who is asking?           401 before a byte of the body is read
//!      └─ ChatLayer         HTTP becomes a chat      reads, checks and indexes the body once; errors become OpenAI's
//!         └─ MeterLayer        what did it cost?     one receipt for each request, whatever happens to it
//!            └─ RateLimitLayer    may they, now?     holds an estimate back, settles the truth; also GET /v1/usage
//!               └─ ModelRouter    who answers this model?  also GET /v1/models
//!                  ├─ TranslateLayer<OpenAi>     · HTTP client
//!                  ├─ TranslateLayer<Anthropic>  · HTTP client
//!                  ├─ TranslateLayer<Bedrock>    · SigV4Layer · HTTP client
//!                  └─ the host's own service
//! ```
//!
//! # The stack
//!
//! Two mocks stand in the place of the HTTP clients, so that this runs anywhere; a real one is `client::Client`.
//!
//! ```
//! # tokio_test::block_on(async {
//! use http_body_util::BodyExt;
//! use tower::{Layer, ServiceExt};
//! use tower_completions::auth::{AuthLayer, Key, MemoryKeys};
//! use tower_completions::mock::Mock;
//! use tower_completions::translate::{Anthropic, OpenAi};
//! use tower_completions::{ChatLayer, Endpoint, Model, ModelRouter, TranslateLayer};
//!
//! let gpt = TranslateLayer::new(OpenAi::new("https://api.openai.com/v1")?.key("sk-…")?).layer(Mock::openai());
//! let claude = TranslateLayer::new(Anthropic::new("https://api.anthropic.com")?.key("sk-ant-…")?).layer(Mock::anthropic());
//! let router = ModelRouter::new([Model::new("gpt-4o-mini", gpt), Model::new("claude-sonnet-4-20250514", claude)]);
//! let models = router.models();
//! let keys = MemoryKeys::from_keys([Key::new("alice", "sk-test-alice")?])?;
//! let app = AuthLayer::new(keys).layer(Endpoint::new(ChatLayer::new().layer(router), models));
//!
//! let request = http::Request::post("/v1/chat/completions").header("authorization", "Bearer sk-test-alice").body(
//!     r#"{"model": "claude-sonnet-4-20250514", "messages": [{"role": "user", "content": "Good morning"}]}"#.to_owned(),
//! )?;
//! let answer = app.oneshot(request).await?.into_body().collect().await?.to_bytes();
//! let answer: serde_json::Value = serde_json::from_slice(&answer)?;
//! assert_eq!(answer["object"], "chat.completion");
//! assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().ends_with("Good morning"));
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```
//!
//! # The map
//!
//! | module | what is in it | alone it is good for |
//! |---|---|---|
//! | [`auth`] | [`AuthLayer`], [`KeyStore`], [`Principal`]: who is asking | keys in front of any HTTP service |
//! | [`chat`] | [`ChatLayer`], [`ChatRequest`]: the border; the verbs of an answer and their writers | checked requests and OpenAI's errors for a model of one's own |
//! | [`limit`] | [`RateLimitLayer`], [`LimitStore`], `MemoryLimits`: requests, tokens, answers at once and money | limits in front of somebody's vLLM |
//! | [`meter`] | [`MeterLayer`], `Receipt`, `UsageSink`, `UsageLog`: a receipt for each request | a ledger in front of somebody's proxy |
//! | [`price`] | `Price`, `PriceBook`: what tokens cost | the cost of a usage in a command-line tool |
//! | [`route`] | [`ModelRouter`], `Targets`, [`Endpoint`]: who answers which model, who stands in, and the list of models | several models behind one URL; several keys or regions behind one model |
//! | [`translate`] | [`TranslateLayer`] and the dialects | a provider's protocol in a command-line tool |
//! | `replay` | `SignatureLayer`, `SignatureStore`: signed reasoning for clients that do not send it back | tool loops with plain SDKs |
//! | [`usage`] | [`Usage`], [`UsageCell`], [`Served`]: what an answer tells the layers outside it | metering |
//! | [`error`](mod@error) | [`ApiError`]: OpenAI's error object | refusals by the host's own layers |
//! | [`body`], [`clock`], [`connection`], [`json`], [`random`], [`secret`] | what the others are made of | |
//! | [`shed`] | [`ShedLayer`]: a cap on the answers of all callers together, by priority | a server that stays up under a flood |
//! | `timeout` | `TimeoutLayer`: first byte, first token, silence, the whole answer | streams that never hang in front of somebody's vLLM |
//! | `keep_alive` | `KeepAliveLayer`: comments in a stream's silences | any server of event streams |
//! | `client` | a ready-made HTTP client | |
//! | `mock` | providers that are not real | tests and demos |
//!
//! What they tell each other travels in extensions: a [`Principal`] with the request, a [`UsageCell`] and [`Served`] with the
//! response. Nothing fails because one is absent.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `memory-keys` | yes | `MemoryKeys`: keys in memory, as SHA-256 digests |
//! | `signatures` | yes | `replay::SignatureLayer`, off unless stacked; and `replay::MemorySignatures` |
//! | `bundled-prices` | no | `price::bundled`: list prices of about a thousand models, 70 kB |
//! | `bedrock` | no | `translate::Bedrock`, and the signer of its requests |
//! | `client` | no | `client::Client`: a pool of hyper's connections over rustls |
//! | `redis` | no | `limit::redis`: limits and budgets of several processes in one Redis; `meter::redis`: receipts in a stream |
//! | `retry` | no | `route::RetryPolicy`, with tokio's timer |
//! | `metrics` | no | `meter::metrics`: receipts as histograms, by OpenTelemetry's conventions |
//! | `tracing` | no | `meter::span`: a span for each request, by OpenTelemetry's conventions |
//! | `postgres` | no | `meter::postgres`: receipts in a table of PostgreSQL |
//! | `timers` | no | `TimeoutLayer` and `KeepAliveLayer`, with tokio's timer |
//! | `mock` | no | `mock::Mock`: scripted providers, in process and on sockets |
//! | `jemalloc` | no | nothing in the library: the example gateway's allocator on Linux |
//!
//! Without features nothing here needs a runtime: no task is spawned and no timer started.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "timers")]
mod alarm;
pub mod auth;
pub mod body;
mod calendar;
pub mod chat;
#[cfg(feature = "client")]
pub mod client;
pub mod clock;
mod collect;
pub mod connection;
mod decimal;
pub mod error;
pub mod json;
#[cfg(feature = "timers")]
pub mod keep_alive;
pub mod limit;
mod media_type;
pub mod meter;
#[cfg(feature = "mock")]
pub mod mock;
mod pattern;
pub mod price;
pub mod random;
#[cfg(feature = "signatures")]
pub mod replay;
mod retry_after;
pub mod route;
pub mod secret;
pub mod shed;
#[cfg(feature = "timers")]
pub mod timeout;
pub mod translate;
pub mod usage;

pub use auth::{AuthLayer, KeyStore, Limits, ModelFilter, Principal};
#[cfg(feature = "memory-keys")]
pub use auth::{Key, MemoryKeys};
pub use body::ResponseBody;
pub use chat::{ChatLayer, ChatRequest};
pub use error::{ApiError, BoxError};
#[cfg(feature = "timers")]
pub use keep_alive::KeepAliveLayer;
pub use limit::{LimitStore, RateLimitLayer};
pub use meter::MeterLayer;
pub use route::{Endpoint, Model, ModelRouter};
pub use secret::Secret;
pub use shed::ShedLayer;
#[cfg(feature = "timers")]
pub use timeout::TimeoutLayer;
pub use translate::TranslateLayer;
pub use usage::{Attempts, Observed, Served, Usage, UsageCell, UsageSource};

/// The snippets of the README and of the pages, which have to compile and be true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
#[cfg(doctest)]
#[doc = include_str!("../docs/limits.md")]
struct LimitsPage;
#[cfg(doctest)]
#[doc = include_str!("../docs/metering.md")]
struct MeteringPage;
#[cfg(doctest)]
#[doc = include_str!("../docs/routing.md")]
struct RoutingPage;
