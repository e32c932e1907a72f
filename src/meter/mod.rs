//! What each request cost: one [`Receipt`] for each, whatever happens to it, handed to a [`UsageSink`].

mod body;
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

pub use body::MeterBody;
pub use drain::{Drain, DrainWorker};
pub use future::ResponseFuture;
pub use layer::MeterLayer;
pub use receipt::{Outcome, Receipt, Try};
pub use request_id::{RequestId, RequestIdLayer, SetRequestId, SetRequestIdFuture};
pub use service::Metered;
pub use sink::UsageSink;
pub use tags::Tag;
