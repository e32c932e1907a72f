//! Who is asking? API keys at the door, and what their owners may do.
//!
//! [`AuthLayer`] takes the caller's key out of the request's headers, asks a [`KeyStore`] whose it is, and leaves the
//! answer, a [`Principal`], in the request's extensions. It works around any service and any body, and reads no byte of
//! a body, so that nothing of a stranger's is ever buffered.
//!
//! ```
//! # tokio_test::block_on(async {
//! use std::convert::Infallible;
//!
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_completions::auth::{AuthLayer, Key, MemoryKeys, ModelFilter, Principal};
//!
//! let alice = Principal::new("alice").models(ModelFilter::new(["gpt-4*"]));
//! let keys = MemoryKeys::from_keys([Key::new(alice, "sk-test-alice")?])?;
//!
//! let service = ServiceBuilder::new().layer(AuthLayer::new(keys)).service(service_fn(async |request: Request<String>| {
//!     let caller = request.extensions().get::<Principal>().unwrap();
//!     assert_eq!(&*caller.id, "alice");
//!     assert!(!request.headers().contains_key("authorization"));
//!     Ok::<_, Infallible>(Response::new(String::new()))
//! }));
//!
//! let request = Request::builder().header("authorization", "Bearer sk-test-alice").body(String::new())?;
//! assert_eq!(service.clone().oneshot(request).await?.status(), 200);
//! assert_eq!(service.oneshot(Request::new(String::new())).await?.status(), 401);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # What is let in
//!
//! - **Exactly one key.** `Authorization: Bearer KEY`, the scheme in any case, one token of visible ASCII characters.
//!   [`x-api-key`](AuthLayer::x_api_key) and [`api-key`](AuthLayer::api_key) are accepted on request. The same header
//!   twice, or two accepted headers at once, is refused, also when they agree: two readers could pick different ones.
//! - **One refusal.** A key that is missing, malformed, unknown, expired or disabled gets the same 401, byte for byte.
//!   Paths, methods and `Host` play no part, so a preflight without a key is refused too: put CORS outside, if you want it.
//! - **Closed when in doubt.** A store that fails is a 503 `auth_unavailable`; the text of its error goes nowhere.
//! - **The key stops here.** `authorization`, `x-api-key` and `api-key` are removed, accepted or not, before the inner
//!   service sees the request.
//!
//! Readiness is the inner service's: it is polled first, and the service that was ready waits for the lookup and is then
//! called. A permit that it holds is released with a refusal.
//!
//! # A login of your own
//!
//! A host that knows its callers already (by a session, a certificate, a token of its own) needs no [`AuthLayer`]. It puts
//! a [`Principal`] into the request's extensions, and every layer inside takes it from there:
//!
//! ```
//! use tower_completions::auth::{Limits, Principal};
//!
//! # let mut request = http::Request::new(());
//! request.extensions_mut().insert(Principal::new("alice").limits(Limits::new().parallel(4)));
//! ```
//!
//! If both are there, what [`AuthLayer`] found replaces what was put in outside it.

#[cfg(feature = "memory-keys")]
mod digest;
mod filter;
mod future;
#[cfg(feature = "memory-keys")]
mod key;
mod layer;
mod limits;
#[cfg(feature = "memory-keys")]
mod memory;
mod presented;
mod principal;
mod priority;
mod scope;
mod service;
mod store;
#[cfg(test)]
mod tests;

pub use filter::ModelFilter;
pub use future::ResponseFuture;
#[cfg(feature = "memory-keys")]
pub use key::{Key, KeyError, KeyErrorKind};
pub use layer::AuthLayer;
pub use limits::{Budget, BudgetWindow, Limits, Rate};
#[cfg(feature = "memory-keys")]
pub use memory::MemoryKeys;
pub use presented::PresentedKey;
pub use principal::Principal;
pub use priority::Priority;
pub use scope::Scope;
pub use service::Auth;
pub use store::KeyStore;
