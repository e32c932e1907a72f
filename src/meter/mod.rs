//! What each request cost: one [`Receipt`] for each, whatever happens to it, handed to a [`UsageSink`].
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
pub use request_id::{RequestId, RequestIdLayer, SetRequestId, SetRequestIdFuture};
pub use service::Metered;
pub use sink::UsageSink;
pub use tags::Tag;
pub use tee::Tee;
pub use totals::{Total, TotalRow, Totals};
