//! What each request cost: one [`Receipt`] for each, whatever happens to it, handed to a [`UsageSink`].

mod body;
mod channel;
mod drain;
mod future;
mod guard;
mod layer;
mod leftover;
mod line;
pub mod log;
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
