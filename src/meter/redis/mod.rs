//! Receipts in a Redis stream, for whoever bills elsewhere.
//!
//! ```no_run
//! # fn host() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_completions::meter::redis::{RedisSink, RedisSinkOptions};
//!
//! let (sink, worker) = RedisSink::new("redis://127.0.0.1:6379/0", RedisSinkOptions::new())?;
//! tokio::spawn(worker.run());
//! # let _ = sink;
//! # Ok(()) }
//! ```
//!
//! Each receipt is an entry of the stream `{completions}:usage` with two fields: `id`, and `receipt`, the line that a
//! [usage log](super::log) has. A request only puts its receipt into a queue with a bound; the worker brings many at once to
//! Redis and takes them off the queue when Redis has answered.
//!
//! # Exactly once, within a window
//!
//! An answer of Redis can be lost, and then the same receipts are sent again. One script adds an entry only if its id is not
//! in the sorted set `{completions}:usage:seen`, so a receipt is in the stream once, as long as it is sent again within
//! [`RedisSinkOptions::window`] (an hour). A reader that has to be sure beyond that looks at `id`.
//!
//! # When Redis goes
//!
//! | what | happens |
//! |---|---|
//! | away, slow, out of memory, loading | receipts wait, up to [`DeliveryOptions::queue`](super::DeliveryOptions::queue); requests are as fast as ever |
//! | away for longer | the newest receipts are dropped and counted in [`DeliveryStats::dropped`](super::DeliveryStats::dropped) |
//! | the process ends | what waits is lost, unless the host calls [`RedisSink::flush`] first; a [usage log](super::log) beside it in a [`Tee`](super::Tee) has it |
//!
//! The stream grows until its reader trims it (`XTRIM`), or up to [`RedisSinkOptions::max_len`].

mod sink;
mod worker;

pub use sink::{InvalidUrl, RedisSink, RedisSinkOptions};
pub use worker::RedisWorker;
