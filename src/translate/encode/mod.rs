//! What writing a request in another protocol needs, whatever the protocol: the table of fields, OpenAI's ranges and
//! defaults, the buffer, the conversation in turns, the pairing of tool calls with their results, and the places where
//! clients keep reasoning.

pub(crate) mod base64;
mod body;
mod calls;
mod carriers;
pub(crate) mod check;
mod data_url;
pub(crate) mod defaults;
pub(crate) mod fields;
pub(crate) mod format;
mod ids;
mod marks;
pub(crate) mod messages;
mod object;
pub(crate) mod options;
mod plan;
pub(crate) mod said;
pub(crate) mod schema;
mod segment;
pub(crate) mod tools;
mod turns;

pub(crate) use body::Body;
pub(crate) use calls::Calls;
pub(crate) use carriers::{Block, CLAUDE_FORMAT, Carriers};
pub(crate) use data_url::{data_url, has_scheme, tail};
pub(crate) use ids::{Punctuation, SIGNATURE_SUFFIX};
pub(crate) use marks::{Form, Mark};
pub(crate) use object::Object;
pub(crate) use plan::Plan;
pub(crate) use segment::segment;
pub(crate) use turns::{Speaker, Turns};
