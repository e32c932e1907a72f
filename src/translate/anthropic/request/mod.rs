//! Requests in Anthropic's words.
//!
//! [`encode`] begins with the table of all fields; the files beside it are a concern each.

pub(super) mod encode;
mod format;
mod messages;
mod options;
mod parts;
mod replay;
mod tools;
mod writer;
