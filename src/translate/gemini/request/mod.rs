//! Requests in Gemini's words.
//!
//! [`encode`] begins with the table of all fields; the files beside it are a concern each.

mod config;
mod contents;
pub(super) mod encode;
mod format;
mod openapi;
mod parts;
mod results;
mod signatures;
mod thinking;
mod tools;
mod writer;
