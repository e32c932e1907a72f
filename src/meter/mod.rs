//! What each request cost: one [`Receipt`] for each, whatever happens to it, handed to a [`UsageSink`].
//!
//! [`MeterLayer`] stands inside the border. The receipt is with the sink before the last bytes of the answer go to the
//! connection; an error, a client that leaves and a panic write it, too.
//!
//! ```
//! # tokio_test::block_on(async {
//! use http_body_util::BodyExt;
//! use tower::{Layer, ServiceExt};
//! use tower_completions::meter::{MeterLayer, Totals};
//! use tower_completions::mock::Mock;
//! use tower_completions::price::{Price, PriceBook};
//! use tower_completions::{ChatLayer, TranslateLayer, translate::OpenAi};
//!
//! let prices = PriceBook::from_prices([("gpt-4o-mini", Price::per_million(0.15, 0.6)?)]);
//! let totals = Totals::new();
//! let meter = MeterLayer::new(totals.clone()).prices(prices);
//! let gpt = TranslateLayer::new(OpenAi::new("http://mock/v1")?).layer(Mock::openai());
//! let chat = ChatLayer::new().layer(meter.layer(gpt));
//!
//! let body = r#"{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Good morning"}]}"#;
//! let answer = chat.oneshot(http::Request::post("/").body(body.to_owned())?).await?;
//! assert!(answer.headers().contains_key("x-request-id"));
//! answer.into_body().collect().await?;
//! assert_eq!(totals.sum().requests, 1);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```
//!
//! What is counted when, and how one bills from it, is in
//! [docs/metering.md](https://docs.rs/crate/tower-completions/latest/source/docs/metering.md).
//!
//! # Where receipts go
//!
//! | sink | where receipts go | feature |
//! |---|---|---|
//! | [`log::UsageLog`] | a file, one JSON line each, that survives `kill -9` | |
//! | [`Totals`] | sums in memory for each caller and model | |
//! | [`channel()`] | a task of the host's own | |
//! | [`Tee`] | several sinks | |
//! | any `Fn(&Receipt)` | the host's own code | |
//! | `metrics::MetricsSink` | histograms with OpenTelemetry's names | `metrics` |
//! | `span::SpanSink` | a `tracing` span for each request, with OpenTelemetry's names | `tracing` |
//! | `redis::RedisSink` | a Redis stream | `redis` |
//! | `postgres::PostgresSink` | a table of PostgreSQL | `postgres` |
//!
//! Whatever becomes of a sink, no request fails for it or waits longer than its documentation says, and what is lost is
//! counted.

pub mod log;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "tracing")]
pub mod span;

mod body;
mod channel;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod delivery;
mod drain;
mod future;
mod guard;
mod layer;
mod leftover;
mod line;
#[allow(clippy::module_inception, reason = "what all clones of a meter share is the meter")]
mod meter;
mod reason;
mod receipt;
mod recording;
mod request_id;
mod service;
mod settle;
mod sink;
mod tags;
mod tee;
#[cfg(test)]
mod tests;
mod totals;

pub use body::MeterBody;
pub use channel::{ChannelSink, Receipts, channel};
#[cfg(any(feature = "postgres", feature = "redis"))]
pub use delivery::{DeliveryOptions, DeliveryStats};
pub use drain::{Drain, DrainWorker};
pub use future::ResponseFuture;
pub use layer::MeterLayer;
pub use receipt::{Outcome, Receipt, Try};
pub use recording::Recording;
pub use request_id::{RequestId, RequestIdLayer, SetRequestId, SetRequestIdFuture};
pub use service::Metered;
pub use sink::UsageSink;
pub use tags::Tag;
pub use tee::Tee;
pub use totals::{Total, TotalRow, Totals};
