//! The words of a chat completion, and the border at which HTTP becomes one.

mod index;
mod message;
mod patch;
mod request;
pub mod sse;
mod tool;

pub use message::{Message, Part, PartKind, Role};
pub use patch::Patch;
pub use request::ChatRequest;
pub use tool::{Tool, ToolCall, ToolChoice};
