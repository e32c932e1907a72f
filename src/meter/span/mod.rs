//! A `tracing` span for each request, with the attributes of OpenTelemetry's conventions for generative AI.
//!
//! [`SpanLayer`] goes right outside the meter: it opens the span, in which everything inside it happens, and which ends with
//! the body of the answer. [`SpanSink`] is a sink of the meter's: it writes into that span what the receipt says. With
//! `tracing-opentelemetry` the span is named `chat MODEL`, and of the kind `client`; a plain subscriber sees the same fields.
//!
//! ```
//! use tower::Layer;
//! use tower_completions::meter::MeterLayer;
//! use tower_completions::meter::span::{SpanLayer, SpanSink};
//! use tower_completions::{ChatLayer, ModelRouter};
//!
//! # fn host(router: ModelRouter) {
//! let metered = MeterLayer::new(SpanSink::new()).layer(router);
//! let chat = ChatLayer::new().layer(SpanLayer::new().layer(metered));
//! # let _ = chat; }
//! ```
//!
//! | field | what it is |
//! |---|---|
//! | `gen_ai.operation.name` | `chat` |
//! | `gen_ai.provider.name` | the provider's configured name |
//! | `gen_ai.request.model`, `gen_ai.request.stream` | what was asked for |
//! | `gen_ai.response.model` | what the provider called the model, or else its configured id |
//! | `gen_ai.response.finish_reasons` | a JSON array in text, since `tracing` has no arrays |
//! | `gen_ai.response.time_to_first_chunk` | of streams, in seconds |
//! | `gen_ai.usage.input_tokens`, `gen_ai.usage.output_tokens`, and in them `gen_ai.usage.cache_read.input_tokens`, `gen_ai.usage.cache_creation.input_tokens`, `gen_ai.usage.audio.input_tokens`, `gen_ai.usage.reasoning.output_tokens`, `gen_ai.usage.audio.output_tokens` | the tokens of all attempts, unless there are none |
//! | `error.type`, `otel.status_code` | the reason, and `ERROR`, unless it ended well |
//! | `http.response.status_code` | the status that the client saw |
//! | `completions.id`, `completions.key`, `completions.outcome`, `completions.served_model`, `completions.usage_source`, `completions.attempts`, `completions.cost_usd` | what OpenTelemetry has no word for |
//!
//! No word of a prompt or of an answer is among them, and no way to switch that on. Without a `SpanLayer` around it the sink
//! writes one event with the same fields.

mod body;
mod future;
mod layer;
mod open;
mod service;
mod sink;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::SpanLayer;
pub use service::Spanned;
pub use sink::SpanSink;
