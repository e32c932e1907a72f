//! Answers of servers that say some things in another way than OpenAI, as OpenAI says them.
//!
//! A chunk or a message is copied field by field, and only what differs is written anew. Without a profile that asks for it,
//! nothing of this is done.

mod again;
mod choice;
mod finish;
mod mender;
#[cfg(test)]
mod tests;
mod usage;

pub(super) use mender::Mender;
