//! [Amazon Bedrock](https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html): Converse and
//! ConverseStream.
//!
//! Every family of models speaks this one language, but not all of it: what a model takes is data, by its name; see
//! [`Capabilities`]. A stream comes as binary frames, whose checksums are checked.
//!
//! A request carries an API key, [`Bedrock::key`], or is signed: put [`SigV4Layer`] around the HTTP client, below the
//! [`TranslateLayer`](super::TranslateLayer).

mod dialect;
mod event_stream;
mod guardrail;
mod metadata;
mod request;
mod response;
mod sign;

#[cfg(test)]
pub(in crate::translate) mod tests;

pub use super::capability::bedrock::{Cache, Capabilities, Reasoning};
pub use super::capability::claude::Capabilities as Claude;
pub use super::encode::format::JsonObject;
pub use dialect::Bedrock;
pub use guardrail::{Guardrail, StreamProcessing};
pub use response::BedrockDecoder;
pub use sign::{CredentialSource, Credentials, ResponseFuture, SigV4, SigV4Layer};
#[cfg(feature = "mock")]
pub(crate) use sign::{Unsigned, verify};
