//! The usage log: one JSON line for each receipt, in a file that only grows.
//!
//! ```
//! use std::time::Duration;
//! use tower_completions::meter::log::{LogOptions, LogReader, UsageLog};
//! use tower_completions::meter::{Receipt, UsageSink};
//!
//! # let folder = std::env::temp_dir().join(format!("usage-log-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("usage.jsonl");
//! let log = UsageLog::open(&path, LogOptions::new().max_bytes(256 << 20))?;
//! log.record(&Receipt::new("r-1", Duration::from_secs(1_795_341_600), "gpt-4o-mini"));
//! let lines: Vec<String> = std::io::BufRead::lines(LogReader::open(&path)?).collect::<Result<_, _>>()?;
//! assert!(lines.len() == 1 && lines[0].starts_with(r#"{"id":"r-1","#));
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What is promised
//!
//! | what happens | what becomes of the lines |
//! |---|---|
//! | `record` returns, or what `submit` gave is ready | the line is with the operating system, whole: `kill -9` of the process loses nothing from here on |
//! | `kill -9` in the middle of a line | the next [`UsageLog::open`] moves the torn end to `usage.jsonl.torn` and goes on; a whole line that lacks only its newline gets it |
//! | the disk is full, or writing is not allowed | `record` returns all the same. Lines wait in memory up to [`LogOptions::keep`] and are tried again ten times a second; what does not fit is counted in [`LogStats::dropped`]. [`LogOptions::on_error`] hears of it once |
//! | half a line could be written | its rest follows as soon as it can, before anything else: there is never half a line between two |
//! | power is lost | what [`SyncPolicy`] says |
//! | a second process opens the same log | it is refused, by a lock on `usage.jsonl.lock`, which goes with its process |
//! | a disk that hangs, without an error | whoever records waits for it, as any writer of a file does. Put a [`channel`](super::channel()) before the log where that matters more than the first row |
//!
//! Requests that end at the same moment share one write, and one trip to the disk where the policy asks for one. A whole answer
//! gives way once to those that are ready beside it ([`submit`](super::UsageSink::submit)) and goes out when its line is
//! written; of those who [`record`](super::UsageSink::record) on several threads, whoever comes first writes for those behind it.
//!
//! # Files
//!
//! The log is written to the path that was given. When it is full, or when a new day (UTC) begins, it is renamed and kept:
//! `usage.jsonl` becomes `usage.2026-11-22.0001.jsonl`, then `.0002.` and so on. The day is the one on which the lines were
//! written. Nothing is ever deleted here. [`LogReader`] reads them all, oldest first.

mod names;
mod options;
mod reader;
mod repair;
#[cfg(test)]
mod tests;
mod usage_log;
mod worker;
mod writer;

pub use options::{LogOptions, SyncPolicy};
pub use reader::LogReader;
pub use usage_log::{LogStats, UsageLog};
pub use worker::LogWorker;
