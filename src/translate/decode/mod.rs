//! What reading an answer in another protocol needs, whatever the protocol: blocks of content that come in pieces, tool
//! calls told one after the other, characters that are cut in two, and limits on what is kept back.

mod block;
mod blocks;
mod calls;
#[cfg(test)]
pub(in crate::translate) mod fold;
mod half;
mod held;
mod primed;
mod unreadable;

pub(crate) use block::{Kind, Source};
pub(crate) use blocks::{Blocks, CallStart};
pub(crate) use primed::Primed;
pub(crate) use unreadable::{Unreadable, string};
