//! A provider's language on one side, OpenAI's on the other.
//!
//! [`TranslateLayer`] goes around an HTTP client, or any other service that takes a `Request<Full<Bytes>>`. What it says to
//! that service is written by a [`Dialect`]; what comes back is read by the dialect's [`Decode`]. Neither has a client, a
//! clock or anything asynchronous in it.
//!
//! ```
//! # tokio_test::block_on(async {
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_completions::translate::{OpenAi, TranslateLayer};
//! use tower_completions::{BoxError, ChatRequest, UsageCell};
//!
//! const ANSWER: &str = r#"{"model":"m-2024", "choices":[{"message":{"content":"Hi"}}], "usage":{"prompt_tokens":8,"completion_tokens":1}}"#;
//!
//! let upstream = service_fn(async |request: Request<Full<Bytes>>| {
//!     assert_eq!(request.uri(), "https://provider.example/v1/chat/completions");
//!     assert_eq!(request.headers()["authorization"], "Bearer sk-provider");
//!     assert!(!request.headers().contains_key("x-of-the-client"));
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(ANSWER))))
//! });
//! let model = TranslateLayer::new(OpenAi::new("https://provider.example/v1")?.key("sk-provider")?).layer(upstream);
//!
//! let chat = ChatRequest::from_bytes(r#"{"model": "m", "messages": [{"role": "user", "content": "Hello"}]}"#)?;
//! let response = model.oneshot(Request::builder().header("x-of-the-client", "stays here").body(chat)?).await?;
//! let usage = response.extensions().get::<UsageCell>().unwrap().clone();
//! assert_eq!(response.into_body().collect().await?.to_bytes(), ANSWER);
//! assert_eq!(usage.observed().usage.unwrap().prompt_tokens(), 8);
//! # Ok::<(), BoxError>(()) }).unwrap();
//! ```
//!
//! # What is lost, and who hears of it
//!
//! - **The same protocol is patched, not rewritten.** To an OpenAI-shaped provider the client's own bytes go, and its answer
//!   comes back byte for byte. Only `model`, if the router changed it, and `stream_options.include_usage` are spliced in.
//! - **A hint that cannot be expressed is left out and named.** `seed` or a penalty that the provider does not know, a
//!   `temperature` above its range: the answer means the same without it. The response header `x-dropped-params` lists the
//!   fields.
//! - **What would change the meaning is refused.** `n` above 1, `logprobs`, a part of a message that has no translation: 400
//!   with the name of the field, and nothing is sent.
//! - [`TranslateLayer::strict`] refuses both kinds. A value that equals the default never counts.
//!
//! # What travels
//!
//! No header of the client goes upstream: the dialect writes all of them. Of the provider's answer these come back:
//! `retry-after`, `retry-after-ms` and `x-should-retry` with an error, and its request id as `x-upstream-request-id`. The
//! request's extensions go to the inner service. The response's extensions get a [`UsageCell`](crate::UsageCell) and a
//! [`Served`](crate::Served).
//!
//! # Streams
//!
//! The response of a stream resolves with its first event or its first error, so that a provider that fails right after its
//! 200 still gets a real status, and a retry can see it. A failure after that is one `data: {"error": …}` event, without
//! `[DONE]`. The client's pace is the provider's: nothing is spawned, and dropping the body drops the provider's answer.
//!
//! # A language of one's own
//!
//! Implement [`Dialect`] and [`Decode`]: `examples/custom_dialect.rs` is a complete one.

pub mod anthropic;
mod base_url;
#[cfg(feature = "bedrock")]
pub mod bedrock;
mod body;
mod capability;
mod decode;
mod dialect;
#[cfg(test)]
mod docs;
mod encode;
mod future;
pub mod gemini;
mod layer;
mod linger;
pub mod openai;
mod scrub;
mod service;
mod settings;

pub use anthropic::{Anthropic, AnthropicDecoder};
pub use base_url::{BaseUrl, InvalidConfig, secret_header};
#[cfg(feature = "bedrock")]
pub use bedrock::{Bedrock, BedrockDecoder};
pub use body::AnswerBody;
pub use dialect::{Decode, Dialect, Dropped, Upstream};
pub use future::ResponseFuture;
pub use gemini::{Gemini, GeminiDecoder};
pub use layer::TranslateLayer;
pub use openai::{Azure, OpenAi, OpenAiDecoder};
pub use scrub::Scrub;
pub use service::Translate;
