//! Tower layers that serve and govern OpenAI-compatible chat completions.

pub mod body;
pub mod chat;
mod collect;
pub mod error;
pub mod json;
pub mod translate;
pub mod usage;

pub use body::ResponseBody;
pub use chat::ChatRequest;
pub use error::{ApiError, BoxError};
pub use usage::{Observed, Served, Usage, UsageCell, UsageSource};
