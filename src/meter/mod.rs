//! What each request cost: one [`Receipt`] for each, whatever happens to it, handed to a [`UsageSink`].

mod line;
mod receipt;
mod sink;

pub use receipt::{Outcome, Receipt, Try};
pub use sink::UsageSink;
