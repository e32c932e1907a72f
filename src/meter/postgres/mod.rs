//! Receipts in a table of PostgreSQL.
//!
//! ```no_run
//! # fn host() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_completions::meter::postgres::{PostgresOptions, PostgresSink};
//!
//! let (sink, worker) = PostgresSink::new("postgres://gateway@127.0.0.1/billing", PostgresOptions::new())?;
//! tokio::spawn(worker.run());
//! # let _ = sink;
//! # Ok(()) }
//! ```
//!
//! The table is `usage_receipts`; [`MIGRATION`] makes it, and the worker runs that when it connects unless it is told
//! [otherwise](PostgresOptions::migrate). What one groups and sums by has a column; `receipt` is the whole line that a [usage
//! log](super::log) has, as `jsonb`. To have it in a schema of its own, name that in the connection:
//! `?options=-csearch_path%3Dbilling`.
//!
//! ```sql
//! SELECT key, served_model, sum(prompt_tokens), sum(completion_tokens), sum(cost_usd)
//! FROM usage_receipts WHERE time >= date_trunc('month', now()) GROUP BY 1, 2;
//! ```
//!
//! # Exactly once
//!
//! Many receipts go in one statement, which the database takes as a whole or not at all. If its answer is lost they are sent
//! again, and `ON CONFLICT (id) DO NOTHING` makes them count once, whenever that is.
//!
//! # When the database goes
//!
//! | what | happens |
//! |---|---|
//! | away, slow, full, read-only; the table is missing or may not be written | receipts wait, up to [`DeliveryOptions::queue`](super::DeliveryOptions::queue); requests are as fast as ever. It is tried again after 100 ms, then less often, up to every 5 s |
//! | away for longer | the newest receipts are dropped and counted in [`DeliveryStats::dropped`](super::DeliveryStats::dropped) |
//! | it will not have what is in one receipt | that one is counted in [`DeliveryStats::refused`](super::DeliveryStats::refused); the others go on |
//! | the process ends | what waits is lost, unless the host calls [`PostgresSink::flush`] first; a [usage log](super::log) beside it in a [`Tee`](super::Tee) has it |
//!
//! `jsonb` has no NUL character: one in a name or a tag becomes U+FFFD.

mod sink;
mod worker;

pub use sink::{InvalidConfig, PostgresOptions, PostgresSink};
pub use worker::PostgresWorker;

/// The statements that make the table and its indexes, unless they are there.
pub const MIGRATION: &str = include_str!("migration.sql");
