//! Anthropic's answers, told in verbs.
//!
//! A stream and a whole message take the same way: a message is what its own stream would be if each block came in one
//! piece. So [`answer`] holds all that maps, [`event`], [`message`] and [`content_block`] only read, and [`decoder`] feeds them.

mod answer;
mod citation;
mod content_block;
mod decoder;
mod error;
mod event;
mod message;
mod stop;
#[cfg(test)]
mod tests;
mod usage;

pub use decoder::AnthropicDecoder;
