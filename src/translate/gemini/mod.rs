//! Google's [Gemini API](https://ai.google.dev/api/generate-content), as the Developer API and Vertex AI speak it.
//!
//! A request is written anew, in one pass from the client's text into one buffer. What becomes of each field stands in one
//! table at the head of `request/encode.rs`. Gemini's thought signatures travel to the client as
//! `extra_content.google.thought_signature` of a tool call and as `reasoning_details`, and are taken back from there.
//!
//! What a model takes is data, by its name: see [`Capabilities`].

mod dialect;
mod request;
mod response;

#[cfg(test)]
pub(in crate::translate) mod tests;

pub use super::capability::gemini::{Capabilities, Thinking};
pub use dialect::Gemini;
pub use response::GeminiDecoder;

/// The format of Gemini's signatures in `reasoning_details`.
const FORMAT: &str = "google-gemini-v1";
