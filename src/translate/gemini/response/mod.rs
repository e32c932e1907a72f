//! Gemini's answers, told in verbs.
//!
//! A whole answer is a stream of one frame: [`answer`] holds all that maps, [`frame`] only reads, and [`decoder`] feeds it.

mod answer;
mod citation;
mod decoder;
mod error;
mod finish;
mod frame;
#[cfg(test)]
mod tests;
mod usage;

pub use decoder::GeminiDecoder;
