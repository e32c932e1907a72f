//! How much may be used: requests and tokens in a window, answers in progress, money.
//!
//! [`RateLimitLayer`] holds an estimate back before a request is sent, and settles the truth when its answer has ended,
//! however it ended. Where that is counted is a [`LimitStore`]: [`MemoryLimits`] for one process, `redis` for several.
//! The page [docs/limits.md](https://docs.rs/crate/tower-completions/latest/source/docs/limits.md) explains the model with
//! a worked example.
//!
//! ```
//! # tokio_test::block_on(async {
//! use http::Request;
//! use tower::{Layer, ServiceExt};
//! use tower_completions::auth::{Budget, Limits, Principal};
//! use tower_completions::limit::MemoryLimits;
//! use tower_completions::mock::Mock;
//! use tower_completions::price::{Price, PriceBook};
//! use tower_completions::translate::OpenAi;
//! use tower_completions::{ChatLayer, RateLimitLayer, TranslateLayer};
//!
//! let gpt = TranslateLayer::new(OpenAi::new("http://mock/v1")?).layer(Mock::openai());
//! let prices = PriceBook::from_prices([("gpt-4o-mini", Price::per_million(0.15, 0.6)?)]);
//! let limits = RateLimitLayer::new(MemoryLimits::new()).prices(prices);
//! let chat = ChatLayer::new().layer(limits.layer(gpt));
//!
//! let alice = Principal::new("alice")
//!     .limits(Limits::new().requests_per_minute(1).budget(Budget::per_month_usd(20.0)));
//! let ask = || {
//!     let body = r#"{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Good morning"}]}"#;
//!     let mut request = Request::post("/v1/chat/completions").body(body.to_owned()).unwrap();
//!     request.extensions_mut().insert(alice.clone());
//!     chat.clone().oneshot(request)
//! };
//! let first = ask().await?;
//! assert_eq!(first.headers()["x-ratelimit-remaining-requests"], "0");
//! let second = ask().await?;
//! assert_eq!(second.status(), 429);
//! assert_eq!(second.headers()["retry-after"], "60");
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```
//!
//! # Whose limits
//!
//! Those of the [`Principal`](crate::Principal) in the request's extensions and of its [`Scope`](crate::auth::Scope)s; without
//! one, [`RateLimitLayer::anonymous`]. Who has no limits is not counted, and costs nothing.
//!
//! # Traps
//!
//! - **Inside the border, outside the router.** Outside the border there is no chat to estimate. Inside the router a request
//!   that fails over to another provider would be counted for each.
//! - **A retry belongs inside, too**: what is tried three times is one request of the caller's.
//! - **Whoever answers must say what it cost.** [`TranslateLayer`](crate::TranslateLayer) does. For other services the
//!   answer is read in passing ([`Tap`](crate::chat::Tap)), which takes OpenAI's format.
//! - **A permit ends with the last byte.** A client that reads slowly holds it as long.

mod account;
mod body;
mod bucket;
mod budget;
mod endpoint;
mod estimate;
mod future;
mod guard;
mod headers;
mod layer;
mod learned;
mod limiter;
mod memory;
#[cfg(all(test, shuttle))]
mod model;
#[cfg(feature = "redis")]
pub mod redis;
mod refusal;
mod report;
mod report_json;
mod restore;
mod service;
mod store;
mod sync;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use body::LimitBody;
pub use endpoint::{UsageEndpoint, UsageEndpointFuture};
pub use future::ResponseFuture;
pub use layer::RateLimitLayer;
pub use memory::MemoryLimits;
pub use report::{UsageFuture, UsageReport};
pub use restore::Restored;
pub use service::RateLimit;
pub use store::{
    Admission, Allowance, Ask, Cost, Dimension, Left, LimitStore, Refusal, Reservation, Spending, Standing, Subject,
    SubjectKind,
};
