//! The words of a chat completion, and the border at which HTTP becomes one.

mod answer;
mod chunk_writer;
mod index;
mod message;
mod message_writer;
mod patch;
mod request;
mod sink;
pub mod sse;
mod tool;

pub use answer::AnswerHead;
pub use chunk_writer::ChunkWriter;
pub use message::{Message, Part, PartKind, Role};
pub use message_writer::MessageWriter;
pub use patch::Patch;
pub use request::ChatRequest;
pub use sink::{Citation, FinishReason, Reasoning, ReasoningPiece, Seen, Sink, ToolKind};
pub use tool::{Tool, ToolCall, ToolChoice};
