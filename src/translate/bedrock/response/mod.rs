//! Converse's answers, told in verbs.
//!
//! A stream and a whole message take the same way: [`answer`] holds all that maps, [`block`] reads a block or a piece of
//! one, and [`decoder`] feeds them.

mod again;
mod answer;
mod block;
mod decoder;
mod error;
mod stop;
#[cfg(test)]
mod tests;
mod usage;

pub use decoder::BedrockDecoder;
pub(super) use decoder::Known;
