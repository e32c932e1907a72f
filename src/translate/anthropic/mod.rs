//! Anthropic's [Messages API](https://docs.anthropic.com/en/api/messages), and servers that imitate it.
//!
//! The two protocols differ in almost everything, so a request is written anew, in one pass from the client's text into
//! one buffer: strings, schemas and numbers are copied as they stand. What becomes of each field stands in one table at
//! the head of `request/encode.rs`: it is *mapped*; *adjusted* or *left out* and reported in `x-dropped-params`, where the
//! answer means the same without it; *refused* with a 400 that names it; or, if OpenAI does not define it (`container`,
//! `mcp_servers`), *forwarded* as it is.
//!
//! What a model takes is data, by its name: see [`Capabilities`].

mod dialect;
mod request;
mod response;

#[cfg(test)]
pub(in crate::translate) mod tests;

pub use super::capability::claude::{Capabilities, Effort, Sampling, Thinking};
pub use super::encode::format::JsonObject;
pub use dialect::Anthropic;
pub use response::AnthropicDecoder;
