//! Servers that speak OpenAI's own protocol: OpenAI, vLLM, Ollama, llama.cpp, DeepSeek, Groq, Mistral, OpenRouter and many more.
//!
//! What needs no change is not touched: the client's bytes go out with the model (and `stream_options.include_usage`)
//! spliced in, and the answer's bytes come back as they are, while what the layers outside need is read in passing. Reasoning
//! that Anthropic or Google has signed leaves the conversation, as nobody else can use it: OpenRouter apart, which can.

mod decoder;
mod dialect;
mod error;
mod foreign;
mod replay;

pub use decoder::OpenAiDecoder;
pub use dialect::OpenAi;
