//! Requests in Anthropic's words.
//!
//! [`encode`] begins with the table of all fields; the files beside it are a concern each, and [`body`] is what they all
//! write into.

mod body;
mod cache;
pub(super) mod encode;
mod format;
mod messages;
mod options;
mod parts;
mod replay;
mod schema;
mod thinking;
mod tools;
mod turns;
mod writer;
