//! How long providers may take, and what clients hear meanwhile.

use std::time::Duration;

use super::table::{Refusal, Table};

#[derive(Debug)]
pub(crate) struct Timeouts {
    /// To have a connection, with the look-up of the name and the TLS handshake.
    pub(crate) connect: Duration,
    /// From the request to the first event of a stream, or to the whole of an answer that is not streamed.
    pub(crate) first_byte: Duration,
    /// From the request to the first token of a stream.
    pub(crate) first_token: Option<Duration>,
    /// Between two events of a stream.
    pub(crate) idle: Duration,
    /// From the request to the end of its answer.
    pub(crate) total: Option<Duration>,
}

impl Default for Timeouts {
    /// Reasoning models think for minutes before they say a word; OpenAI's own clients wait for ten.
    fn default() -> Self {
        let (connect, patience) = (Duration::from_secs(5), Duration::from_secs(600));
        Self { connect, first_byte: patience, first_token: None, idle: patience, total: None }
    }
}

pub(super) fn timeouts(mut table: Table<'_>) -> Result<Timeouts, Refusal> {
    let mut millis = |field| table.take(field).map(|millis| millis.millis()).transpose();
    let otherwise = Timeouts::default();
    let timeouts = Timeouts {
        connect: millis("connect_ms")?.unwrap_or(otherwise.connect),
        first_byte: millis("first_byte_ms")?.unwrap_or(otherwise.first_byte),
        first_token: millis("first_token_ms")?,
        idle: millis("idle_ms")?.unwrap_or(otherwise.idle),
        total: millis("total_ms")?,
    };
    table.finish()?;
    Ok(timeouts)
}

pub(super) fn keep_alive(mut table: Table<'_>) -> Result<Duration, Refusal> {
    let interval = table.require("interval_ms")?.millis()?;
    table.finish()?;
    Ok(interval)
}
