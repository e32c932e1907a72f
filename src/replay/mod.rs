//! Signed reasoning for clients that do not send it back.
//!
//! Claude signs its thinking and Gemini its thoughts, and both want them back with the next request: without them a model that
//! calls tools goes on without what it thought, or is refused. A client that echoes the whole message sends them back in
//! `reasoning_details`. A plain loop over an SDK sends `role`, `content` and `tool_calls`, and they are lost.
//! [`SignatureLayer`] keeps the signed reasoning of each answer in a [`SignatureStore`], and puts it into those messages of
//! later requests that come back without it.
//!
//! Nothing is kept unless the layer is stacked. Its place is anywhere between [`ChatLayer`](crate::ChatLayer) and
//! [`TranslateLayer`](crate::TranslateLayer); it reads and writes OpenAI's format alone, and so works for every dialect.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use http_body_util::BodyExt;
//! use serde_json::json;
//! use tower::{Layer, ServiceExt};
//! use tower_completions::mock::{Answer, Mock};
//! use tower_completions::replay::{MemorySignatures, SignatureLayer};
//! use tower_completions::translate::Anthropic;
//! use tower_completions::{ChatLayer, TranslateLayer};
//!
//! let mock = Mock::anthropic();
//! let thinking = json!({"type": "thinking", "thinking": "The clock will know.", "signature": "EqQB"});
//! mock.answer(Answer::json(200, json!({
//!     "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-6", "stop_reason": "tool_use",
//!     "content": [thinking, {"type": "tool_use", "id": "toolu_1", "name": "clock", "input": {}}],
//!     "usage": {"input_tokens": 9, "output_tokens": 9},
//! })));
//! let claude = TranslateLayer::new(Anthropic::new("https://api.anthropic.com")?.key("sk-ant-…")?).layer(mock.clone());
//! let app = ChatLayer::new().layer(SignatureLayer::new(MemorySignatures::new()).layer(claude));
//!
//! let tools = json!([{"type": "function", "function": {"name": "clock"}}]);
//! let call = json!({"id": "toolu_1", "type": "function", "function": {"name": "clock", "arguments": "{}"}});
//! let first = json!([{"role": "user", "content": "What time is it?"}]);
//! // What the client sends back has no reasoning in it.
//! let second = json!([first[0], {"role": "assistant", "tool_calls": [call]},
//!     {"role": "tool", "tool_call_id": "toolu_1", "content": "noon"}]);
//! for messages in [first, second] {
//!     let request = json!({"model": "claude-opus-4-6", "reasoning_effort": "low", "tools": tools, "messages": messages});
//!     let answer = app.clone().oneshot(http::Request::post("/").body(request.to_string())?).await?;
//!     answer.into_body().collect().await?;
//! }
//! assert_eq!(mock.requests()[1].json()["messages"][1]["content"][0], thinking);
//! # Ok::<(), tower_completions::BoxError>(()) }).unwrap();
//! ```
//!
//! # What is kept, and under which name
//!
//! A turn is kept if its reasoning is signed: an entry of `reasoning_details` with a `signature` or `data`, or, where there is
//! none, Google's `extra_content` on a tool call. It is kept when the answer has its finish reason; one that breaks off before
//! is not. Its name is a SHA-256: see [`TurnKey`].
//!
//! | the turn | its name is made of |
//! |---|---|
//! | calls tools | the caller, and the id of its first call |
//! | only says something | the caller, the text, and the text of the message before it |
//!
//! The caller is [`Principal::id`](crate::Principal::id), so that tenants never see each other's. All callers without a
//! [`Principal`](crate::Principal) are one.
//!
//! # What is put back
//!
//! An assistant message with a carrier of any kind (`reasoning_details`, `reasoning_content`, `reasoning`, `thinking_blocks`,
//! `reasoning_signature`, `extra_content` on a call) is left alone: such a client has decided for itself. Into the others goes
//! what was kept, where it was before, and every other byte of the request stays. The same turn gives the same bytes each
//! time, so that the providers' prompt caches hold, for as long as the store keeps it.
//!
//! Reasoning of another provider than the one that serves the next request is taken out by that one's dialect, as it is for a
//! client that echoes everything.
//!
//! # Traps
//!
//! - **A store that forgets changes the prefix.** A conversation that goes on after its turns are gone is sent without them:
//!   the provider's cache misses once, and Claude answers the turn at hand without its earlier thinking.
//! - **Servers that number their calls** (`call_0` in every turn) give two turns one name. The later one holds; it is the one
//!   that the running loop needs.

mod body;
mod details;
mod future;
mod key;
mod layer;
mod lru;
mod memory;
mod service;
mod splice;
mod store;
#[cfg(test)]
mod tests;
mod turn;

pub use body::SignatureBody;
pub use future::ResponseFuture;
pub use key::TurnKey;
pub use layer::SignatureLayer;
pub use memory::MemorySignatures;
pub use service::Signatures;
pub use store::SignatureStore;
