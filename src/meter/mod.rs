//! What each request cost: one [`Receipt`] for each, whatever happens to it, handed to a [`UsageSink`].

pub mod log;

mod channel;
mod line;
mod receipt;
mod sink;
mod tee;
mod totals;

pub use channel::{ChannelSink, Receipts, channel};
pub use receipt::{Outcome, Receipt, Try};
pub use sink::UsageSink;
pub use tee::Tee;
pub use totals::{Total, TotalRow, Totals};
