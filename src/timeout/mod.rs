//! A limit to every wait for a provider.
//!
//! tower's `Timeout` ends at the head of the response, and a stream has only begun there. [`TimeoutLayer`] goes on to the
//! last byte. It belongs outside the [`TranslateLayer`](crate::TranslateLayer) of one provider, so that a router sees
//! what came too late and may ask another.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! use std::time::Duration;
//! use http_body_util::BodyExt;
//! use tower::{Layer, ServiceExt};
//! use tower_completions::mock::{Answer, Mock};
//! use tower_completions::timeout::TimeoutLayer;
//! use tower_completions::translate::OpenAi;
//! use tower_completions::{ChatLayer, TranslateLayer};
//!
//! let mock = Mock::openai();
//! mock.answer(Answer::text("A long story").stall_after(700));
//! let gpt = TranslateLayer::new(OpenAi::new("http://mock/v1")?).layer(mock);
//! let timeouts = TimeoutLayer::new().first_byte(Duration::from_secs(60)).idle(Duration::from_secs(30));
//! let chat = ChatLayer::new().layer(timeouts.layer(gpt));
//!
//! let ask = r#"{"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": "Tell me a story"}]}"#;
//! let answer = chat.oneshot(http::Request::post("/").body(ask.to_owned())?).await?;
//! let answer = answer.into_body().collect().await?.to_bytes();
//! let last = std::str::from_utf8(&answer)?.trim_end().rsplit("\n\n").next();
//! assert!(last.is_some_and(|event| event.starts_with("data: {\"error\":") && event.contains("\"code\":\"timeout\"")));
//! # Ok::<(), tower_completions::BoxError>(()) })?;
//! # Ok::<(), tower_completions::BoxError>(())
//! ```
//!
//! # The kinds
//!
//! | kind | from | to | the client sees | reason in the ledger |
//! |---|---|---|---|---|
//! | connect | the first packet | a connection, with its TLS | 504 | `connect_timeout` |
//! | [`first_byte`](TimeoutLayer::first_byte) | the call | the response | 504 | `first_byte_timeout` |
//! | [`first_token`](TimeoutLayer::first_token) | the call | the first token of a stream | 504, or the error event | `first_token_timeout` |
//! | [`idle`](TimeoutLayer::idle) | an event with data | the next | the error event | `idle_timeout` |
//! | [`total`](TimeoutLayer::total) | the call | the end of the answer | 504, or the error event | `total_timeout` |
//!
//! To a client each of them is `timeout`; the [reason](crate::ApiError::reason) is in the error, and in
//! [`Observed`](crate::Observed) for an answer that had begun. Connecting is the affair of the HTTP client:
//! `client::ClientBuilder::connect_timeout`.
//!
//! - **The response** of a [`TranslateLayer`](crate::TranslateLayer) is there with the first event of a stream, and with the
//!   whole of an answer that is not streamed. So `first_byte` bounds a whole answer from its beginning to its end. Around a
//!   service that answers with its head alone, it bounds the head.
//! - **A token** is text, reasoning or a tool's argument: some providers open a stream at once and then think. Where nobody
//!   decodes the answer it is the first event that has data.
//! - **Silence is what has no data**: comments, and what the decoders swallow, such as Anthropic's `ping`. A body that is no
//!   event stream is silent between its frames.
//! - **A client that reads slowly is not a silent provider.** The idle clock stands still while nobody asks for more.
//!   `total` is the time of the clock on the wall.
//!
//! # Traps
//!
//! - **Inside the border, outside translation.** Outside the border it counts uploads; its errors would be no answers.
//! - **One layer for each try.** Outside a retry or a router with fallbacks one time is for all tries together.
//! - **Nobody can be told while they read nothing.** A stream whose client has stopped reading is not polled by the server, and
//!   so not ended by `total` before the client reads on. To give up on such clients is the server's affair.

mod body;
mod future;
mod layer;
mod limits;
mod payload;
mod service;
#[cfg(test)]
mod tests;
mod watch;

pub use body::TimeoutBody;
pub use future::ResponseFuture;
pub use layer::TimeoutLayer;
pub use service::Timeout;
