//! What writing a request in another protocol needs, whatever the protocol: the table of fields, OpenAI's ranges and
//! defaults, the buffer, the pairing of tool calls with their results, and the places where clients keep reasoning.

pub(crate) mod base64;
mod calls;
mod carriers;
pub(crate) mod check;
mod data_url;
pub(crate) mod defaults;
pub(crate) mod fields;
mod ids;
mod object;

pub(crate) use calls::Calls;
pub(crate) use carriers::{Block, CLAUDE_FORMAT, Carriers};
pub(crate) use data_url::{data_url, has_scheme};
pub(crate) use ids::Punctuation;
pub(crate) use object::Object;
