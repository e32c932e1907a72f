//! Signs of life for clients, and for whoever stands between, while a stream is silent.
//!
//! A model may think for minutes, and a proxy in front of a client may cut off what is silent for one. [`KeepAliveLayer`]
//! sends a comment, `: keep-alive`, after each silence of a given length. Readers of event streams skip comments.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! use std::time::Duration;
//! use http_body_util::BodyExt;
//! use tower::{Layer, ServiceExt};
//! use tower_completions::keep_alive::KeepAliveLayer;
//! use tower_completions::mock::{Answer, Mock};
//! use tower_completions::translate::OpenAi;
//! use tower_completions::{ChatLayer, TranslateLayer};
//!
//! let mock = Mock::openai();
//! mock.answer(Answer::text("Hm").delay_frames(Duration::from_secs(20)));
//! let slow = TranslateLayer::new(OpenAi::new("http://mock/v1")?).layer(mock);
//! let chat = KeepAliveLayer::new(Duration::from_secs(15)).layer(ChatLayer::new().layer(slow));
//!
//! let ask = r#"{"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": "Tell me a story"}]}"#;
//! let answer = chat.oneshot(http::Request::post("/").body(ask.to_owned())?).await?;
//! assert_eq!(answer.headers()["x-accel-buffering"], "no");
//! let answer = answer.into_body().collect().await?.to_bytes();
//! assert!(std::str::from_utf8(&answer)?.contains("}\n\n: keep-alive\n\ndata: {"));
//! # Ok::<(), tower_completions::BoxError>(()) })?;
//! # Ok::<(), tower_completions::BoxError>(())
//! ```
//!
//! Every event stream that is a success is asked not to be buffered or kept on its way, too: `cache-control: no-cache` and
//! `x-accel-buffering: no`, unless it has these headers already.
//!
//! # Traps
//!
//! - **Outside the timeouts.** A comment of ours is no sign of life of the provider. In any other order it would not count
//!   either, but the client of a stream that is given up would hear more of it than there was.
//! - **Nothing can be sent before the response.** A [`TranslateLayer`](crate::TranslateLayer) answers with the first event, so
//!   that its failures have a status. Up to there the client waits without a sign.

mod body;
mod service;

pub use body::KeepAliveBody;
pub use service::{KeepAlive, KeepAliveLayer, ResponseFuture};
