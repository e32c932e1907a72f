//! Servers that speak OpenAI's own protocol: OpenAI, vLLM, Ollama, llama.cpp, DeepSeek, Groq, Mistral, OpenRouter and many more.
//!
//! What needs no change is not touched: the client's bytes go out with the model (and `stream_options.include_usage`)
//! spliced in, and the answer's bytes come back as they are, while what the layers outside need is read in passing. Reasoning
//! that Anthropic or Google has signed leaves the conversation, as nobody else can use it: OpenRouter apart, which can.
//!
//! Servers that imitate OpenAI and differ here and there have a [`Profile`]: data that says which fields to rename, leave out
//! or refuse, and what to mend in the answer. [`Azure`] has two surfaces and its own way to name a model and to sign in.

mod azure;
mod decoder;
mod dialect;
mod error;
mod messages;
pub(in crate::translate) mod profile;
mod repair;
mod repairs;
mod replay;
#[cfg(test)]
mod tests;
mod tool_ids;

pub use azure::Azure;
pub use decoder::OpenAiDecoder;
pub use dialect::OpenAi;
pub use profile::{Profile, Rule};
pub use tool_ids::ToolIds;
