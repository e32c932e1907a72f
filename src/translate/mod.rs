//! Provider translation.

pub mod anthropic;
mod base_url;
mod body;
mod dialect;
mod future;
mod layer;
mod openai;
mod scrub;
mod service;
mod settings;

pub use anthropic::{Anthropic, AnthropicDecoder};
pub use base_url::{BaseUrl, InvalidConfig, secret_header};
pub use body::AnswerBody;
pub use dialect::{Decode, Dialect, Dropped, Upstream};
pub use future::ResponseFuture;
pub use layer::TranslateLayer;
pub use openai::{OpenAi, OpenAiDecoder};
pub use scrub::Scrub;
pub use service::Translate;
