//! Tower layers that serve and govern OpenAI-compatible chat completions.

pub mod body;
pub mod error;
pub mod json;
#[cfg(feature = "mock")]
pub mod mock;

pub use body::ResponseBody;
pub use error::{ApiError, BoxError};
