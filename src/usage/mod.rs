//! What an answer tells the layers outside it: the tokens it cost, who served it, what was tried, how it ended.

mod attempts;
mod observed;
mod scope;
mod served;
mod tokens;
mod tried;

pub use attempts::{Attempt, Attempts};
pub use observed::{Observed, UsageCell};
pub use served::Served;
pub use tokens::{Usage, UsageSource, estimated_tokens};
pub(crate) use tried::{Answered, Tried};
