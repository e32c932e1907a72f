//! Requests in Converse's words.
//!
//! [`encode`] begins with the table of all fields; the files beside it are a concern each.

pub(super) mod encode;
mod format;
mod names;
mod options;
mod parts;
mod reasoning;
mod tools;
mod writer;
