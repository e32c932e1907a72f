//! Too much to do: a cap on the answers in progress, of all callers together.
//!
//! The permits of tower's `ConcurrencyLimit` end at the head of the response, and its queue lets everybody wait.
//! [`ShedLayer`] counts an answer to its last byte, and refuses at once what would be one too many: 503
//! `server_is_overloaded` with `retry-after`, which the SDKs of OpenAI obey.
//!
//! ```
//! # tokio_test::block_on(async {
//! use tower::{Layer, ServiceExt};
//! use tower_completions::auth::{Principal, Priority};
//! use tower_completions::mock::Mock;
//! use tower_completions::{ChatLayer, ShedLayer, TranslateLayer, translate::OpenAi};
//!
//! let gpt = TranslateLayer::new(OpenAi::new("http://mock/v1")?).layer(Mock::openai());
//! let shed = ShedLayer::new(2).share(Priority::Low, 0.5);
//! let chat = shed.layer(ChatLayer::new().layer(gpt));
//! let ask = |caller: &Principal| {
//!     let body = r#"{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Good morning"}]}"#;
//!     let mut request = http::Request::post("/v1/chat/completions").body(body.to_owned()).unwrap();
//!     request.extensions_mut().insert(caller.clone());
//!     chat.clone().oneshot(request)
//! };
//!
//! let (alice, batch) = (Principal::new("alice"), Principal::new("batch").priority(Priority::Low));
//! let first = ask(&alice).await?;
//! assert_eq!(ask(&batch).await?.status(), 503);
//! assert_eq!(ask(&alice).await?.status(), 200);
//! assert_eq!(shed.in_flight(), 1, "of the first, which has not been read");
//! drop(first);
//! assert_eq!(ask(&batch).await?.status(), 200);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```
//!
//! # Who is refused first
//!
//! A [`Priority`](crate::auth::Priority) may take its [`share`](ShedLayer::share) of the places, counted with those of all
//! others; the whole, if nothing else is said. So what is left for the more important ones is what the less important may not
//! take. The priority is an extension of the request, or else that of its [`Principal`](crate::Principal), or else normal.
//!
//! # Traps
//!
//! - **Inside authentication, outside the border.** There the caller is known, and a request that is refused is not read.
//!   What is refused here reaches no meter further inside.
//! - **A place is taken from the request's head to the answer's last byte**: a client that reads slowly, and one that sends
//!   slowly, has it as long.
//! - **One layer, one count.** Clones count together, and so does what [`resized`](ShedLayer::resized) makes: for a host that
//!   builds its stack anew while the answers of the old one go on.

mod body;
mod future;
mod layer;
mod places;
mod service;
#[cfg(test)]
mod tests;

pub use body::ShedBody;
pub use future::ResponseFuture;
pub use layer::ShedLayer;
pub use service::Shed;
