//! Tower layers that serve and govern OpenAI-compatible chat completions.

pub mod auth;
pub mod body;
pub mod chat;
#[cfg(feature = "client")]
pub mod client;
mod collect;
pub mod error;
pub mod json;
#[cfg(feature = "mock")]
pub mod mock;
pub mod route;
pub mod secret;
pub mod translate;
pub mod usage;

pub use auth::{AuthLayer, KeyStore, Limits, ModelFilter, Principal};
#[cfg(feature = "memory-keys")]
pub use auth::{Key, MemoryKeys};
pub use body::ResponseBody;
pub use chat::{ChatLayer, ChatRequest};
pub use error::{ApiError, BoxError};
pub use route::{Endpoint, Model, ModelRouter};
pub use secret::Secret;
pub use translate::TranslateLayer;
pub use usage::{Observed, Served, Usage, UsageCell, UsageSource};
