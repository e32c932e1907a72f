//! Providers that are not real: they speak the protocols of OpenAI, Azure OpenAI, Anthropic, Gemini and Amazon Bedrock, and
//! answer what a script says.
//!
//! A [`Mock`] is a tower `Service`, so a stack can be tested without a socket; [`Mock::listen`] puts the same mock on a
//! real port of this machine. No model stands behind it, and its answers say so. Without a script it repeats what the user
//! said, calls the tool that the request forces, and fills in the schema that the request asks for: enough for a client
//! to make every kind of round trip offline. With a script it is as good or as bad as a test wants: any bytes, any status,
//! slow, cut anywhere, silent, gone.
//!
//! ```
//! use http_body_util::BodyExt;
//! use tower::ServiceExt;
//! use tower_completions::mock::{Answer, Mock};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let mock = Mock::openai();
//! mock.answer(Answer::error(429).header("retry-after", "1"));
//!
//! let ask = || {
//!     let body = r#"{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Good morning"}]}"#;
//!     mock.clone().oneshot(http::Request::post("/v1/chat/completions").body(body.to_owned()).unwrap())
//! };
//! assert_eq!(ask().await.unwrap().status(), 429);
//!
//! let answer = ask().await.unwrap().into_body().collect().await.unwrap().to_bytes();
//! let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
//! assert_eq!(
//!     answer["choices"][0]["message"]["content"],
//!     "This is a mock: no model was asked. You said: Good morning"
//! );
//! assert_eq!(mock.requests()[1].json()["model"], "gpt-4o-mini");
//! # });
//! ```
//!
//! Everything is deterministic: ids count up from 1, `created` never changes, and a token is four bytes of text, rounded up.
//! Delays are tokio's, so a test with a paused clock waits for none of them.

mod answer;
mod anthropic;
mod azure;
#[cfg(feature = "bedrock")]
mod bedrock;
mod body;
mod chunking;
#[cfg(feature = "bedrock")]
mod event_stream;
mod gemini;
mod listener;
mod openai;
mod protocol;
mod record;
mod render;
mod schema;
mod service;
mod state;
#[cfg(test)]
mod testing;

pub use answer::Answer;
pub use body::MockBody;
pub use chunking::Chunking;
#[cfg(feature = "bedrock")]
pub use event_stream::EventStream;
pub use listener::Listening;
pub use record::Recorded;
pub use service::{Mock, MockFuture};
