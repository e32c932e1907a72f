//! Tower layers that serve and govern OpenAI-compatible chat completions.

pub mod auth;
pub mod body;
pub mod error;
pub mod json;
pub mod secret;

pub use auth::{AuthLayer, KeyStore, Limits, ModelFilter, Principal};
#[cfg(feature = "memory-keys")]
pub use auth::{Key, MemoryKeys};
pub use body::ResponseBody;
pub use error::{ApiError, BoxError};
pub use secret::Secret;
