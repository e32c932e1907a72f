//! Several places where the same model can be asked: keys, regions, providers.
//!
//! [`Targets`] is a service over several others. It chooses one that is well, by load, by weight, in order, or by a
//! [`StickyKey`]; if that one fails before the first byte of an answer, it asks the next one, each at most once. Who fails
//! again and again, or says itself that it will not serve, [rests](Health) for a while, and costs nobody anything then; one
//! request finds out whether it is well again.
//!
//! ```
//! # tokio_test::block_on(async {
//! use tower::{Layer, ServiceExt};
//! use tower_completions::mock::{Answer, Mock};
//! use tower_completions::route::{Balance, Target, Targets, TargetState};
//! use tower_completions::translate::{Azure, OpenAi};
//! use tower_completions::{BoxError, ChatRequest, TranslateLayer};
//!
//! let (direct, azure) = (Mock::openai(), Mock::azure());
//! direct.always(Answer::error(429).header("retry-after", "30"));
//! let openai = TranslateLayer::new(OpenAi::new("https://api.openai.com/v1")?).layer(direct.clone());
//! let east = TranslateLayer::new(Azure::new("https://east.openai.azure.com/openai/v1")?).layer(azure.clone());
//! let targets = Targets::new([Target::new("openai", openai), Target::new("east", east).upstream("my-deployment")])
//!     .balance(Balance::InOrder);
//!
//! for _ in 0..5 {
//!     let chat = ChatRequest::from_bytes(r#"{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}"#)?;
//!     assert_eq!(targets.clone().oneshot(http::Request::new(chat)).await?.status(), 200);
//! }
//! assert_eq!((direct.received(), azure.received()), (1, 5));
//! assert!(matches!(targets.snapshot()[0].state, TargetState::Resting(_)));
//! # Ok::<(), BoxError>(()) }).unwrap();
//! ```
//!
//! A target is busy with an answer until its last byte, error or drop. Load balancers of tower measure to the head of the
//! response, which for a stream is its first second.

mod body;
mod choice;
mod future;
mod health;
mod pool;
mod service;
mod snapshot;
mod target;
#[cfg(test)]
mod tests;

pub use body::TargetBody;
pub use choice::{Balance, StickyKey};
pub use future::TargetsFuture;
pub use health::Health;
pub use service::Targets;
pub use snapshot::{TargetSnapshot, TargetState};
pub use target::Target;
