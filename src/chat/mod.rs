//! The words of a chat completion, and the border at which HTTP becomes one.
//!
//! [`ChatLayer`] is the one place where bytes become a [`ChatRequest`], and where errors become OpenAI's. Inside it the request
//! is an `http::Request<ChatRequest>`: plain HTTP to every tower-http layer, a checked and indexed chat to ours. A stack that
//! forgets the border does not compile.
//!
//! ```
//! # tokio_test::block_on(async {
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_completions::{BoxError, ChatLayer, ChatRequest};
//!
//! let model = service_fn(async |request: Request<ChatRequest>| {
//!     let chat = request.body();
//!     assert_eq!((chat.model(), chat.stream(), chat.messages().len()), ("parrot", false, 1));
//!     Err::<Response<Full<Bytes>>, BoxError>("10.0.0.7 is on fire".into())
//! });
//! let border = ChatLayer::new().max_body(1 << 20).layer(model);
//!
//! for (body, status, error) in [
//!     (r#"{"model": "parrot", "messages": [{"role": "user", "content": "Hi"}]}"#, 502, "upstream_error"),
//!     (r#"{"model": "parrot"}"#, 400, "Missing required parameter: 'messages'."),
//! ] {
//!     let response = border.clone().oneshot(Request::post("/").body(body.to_owned())?).await?;
//!     assert_eq!(response.status(), status);
//!     let answer = response.into_body().collect().await?.to_bytes();
//!     let answer = std::str::from_utf8(&answer)?;
//!     assert!(answer.starts_with(r#"{"error":{"message":"#) && answer.contains(error) && !answer.contains("fire"));
//! }
//! # Ok::<(), BoxError>(()) }).unwrap();
//! ```
//!
//! # What the border refuses
//!
//! Each refusal is a response with OpenAI's error object, and nothing inside is called.
//!
//! | status | code | when |
//! |---|---|---|
//! | 405 | `method_not_supported` | the method is not `POST` |
//! | 415 | `unsupported_media_type` | the `Content-Type` is not `application/json` (none at all is accepted), or the body is compressed |
//! | 413 | `request_too_large` | the body is larger than [`max_body`](ChatLayer::max_body); before it is read, if its length is announced |
//! | 400 | `invalid_json` | it is not UTF-8, not JSON, or nested deeper than [`MAX_DEPTH`](crate::json::MAX_DEPTH) |
//! | 400 | `missing_required_parameter` | `model`, `messages` or a message's `role` is missing |
//! | 400 | `invalid_type` | a field that OpenAI documents has another JSON type |
//! | 400 | `unknown_parameter` | a field differs from one that OpenAI documents in the case of its letters only |
//!
//! A field that stands twice is a 400, too: two readers could pick different ones. So is a documented field in other letters
//! (`Model`), which readers that do not see the case, as those of Go, take for the same. Fields that OpenAI does not document
//! are let through as they are; what they mean is the model's affair.
//!
//! # Errors from inside
//!
//! Whatever error a layer or a service inside returns becomes a response: an [`ApiError`](crate::ApiError), anywhere in
//! the chain of sources, as it is; tower's `Elapsed` 504 `timeout`; its `Overloaded` 503; a failure to connect 502
//! `upstream_unreachable`; anything else 502 `upstream_error`. The text of such an error never reaches the client. A stream that
//! breaks between two events ends with `data: {"error": …}` and without `[DONE]`.
//!
//! # Traps
//!
//! - **tower's `Timeout` ends at the head of the response.** It bounds the time to the first event of a stream, not the stream;
//!   `timeout::TimeoutLayer` does.
//!   Put it inside the border: outside, it also counts the upload, and its error is no OpenAI error.
//! - **The permit of tower's `ConcurrencyLimit` ends there, too.** A hundred streams can run under a limit of one.
//! - **Authentication belongs outside the border**, so that no stranger's body is read: see [`auth`](crate::auth).
//! - **tower-http's `RequestBodyLimitLayer` outside is fine**, but its own 413 for an announced length is not OpenAI's.
//!   [`max_body`](ChatLayer::max_body) is.
//!
//! # The answer
//!
//! A service that makes an answer itself says it in the verbs of [`Sink`]; [`ChunkWriter`] makes a stream of them,
//! [`MessageWriter`] one message. `examples/in_process.rs` does both.

mod answer;
mod answer_writer;
mod body;
mod chunk_writer;
mod documented;
pub(crate) mod facts;
mod future;
mod index;
mod layer;
mod message;
mod message_writer;
mod part;
pub(crate) mod patch;
mod prompt;
mod request;
mod service;
mod sink;
mod spans;
pub mod sse;
pub(crate) mod tail;
mod tap;
mod tool;
mod tool_call;
mod typed;
pub(crate) mod watch;

pub use answer::AnswerHead;
pub(crate) use answer::random;
pub use answer_writer::AnswerWriter;
pub(crate) use answer_writer::stream_headers;
#[cfg(feature = "timers")]
pub(crate) use answer_writer::unbuffered;
pub use body::ChatBody;
pub use chunk_writer::ChunkWriter;
pub use future::ResponseFuture;
pub use layer::ChatLayer;
pub use message::{Message, Role};
pub use message_writer::MessageWriter;
pub use part::{Part, PartKind};
pub use patch::Patch;
pub use request::ChatRequest;
pub use service::Chat;
pub use sink::{Citation, FinishReason, Reasoning, ReasoningPiece, Seen, Sink, ToolKind};
pub use tap::Tap;
pub use tool::{Tool, ToolChoice};
pub use tool_call::ToolCall;
