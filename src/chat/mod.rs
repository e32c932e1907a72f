//! The words of a chat completion, and the border at which HTTP becomes one.

mod answer;
mod body;
mod chunk_writer;
pub(crate) mod facts;
mod future;
mod index;
mod layer;
mod message;
mod message_writer;
mod patch;
mod request;
mod service;
mod sink;
pub mod sse;
mod tool;

pub use answer::AnswerHead;
pub use body::ChatBody;
pub use chunk_writer::ChunkWriter;
pub use future::ResponseFuture;
pub use layer::ChatLayer;
pub use message::{Message, Part, PartKind, Role};
pub use message_writer::MessageWriter;
pub use patch::Patch;
pub use request::ChatRequest;
pub use service::Chat;
pub use sink::{Citation, FinishReason, Reasoning, ReasoningPiece, Seen, Sink, ToolKind};
pub use tool::{Tool, ToolCall, ToolChoice};
