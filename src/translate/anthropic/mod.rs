//! Anthropic's Messages API.

#[allow(dead_code, reason = "the same")]
mod primed;
#[allow(dead_code, unused_imports, reason = "the request side, which makes the decoders, is built in another branch")]
mod response;

pub use response::AnthropicDecoder;
