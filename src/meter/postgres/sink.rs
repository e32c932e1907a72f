//! The sink: what happens on the path of a request.

use std::fmt;
use std::time::Duration;

use super::worker::PostgresWorker;
use crate::meter::delivery::{DeliveryOptions, DeliveryStats, Outbox, outbox};
use crate::meter::receipt::Receipt;
use crate::meter::sink::UsageSink;

/// Settings of a [`PostgresSink`].
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    pub(super) migrate: bool,
    pub(super) delivery: DeliveryOptions,
}

impl PostgresOptions {
    /// The defaults: the worker makes the table if need be.
    pub fn new() -> Self {
        Self { migrate: true, delivery: DeliveryOptions::new() }
    }

    /// Whether the worker runs the [migration](super::MIGRATION) when it connects. A host whose role may not make tables says
    /// no, and runs it in its own way.
    #[must_use]
    pub fn migrate(self, migrate: bool) -> Self {
        Self { migrate, ..self }
    }

    /// How receipts get there.
    #[must_use]
    pub fn delivery(self, options: DeliveryOptions) -> Self {
        Self { delivery: options, ..self }
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A table in PostgreSQL. See the [module](super).
///
/// Clones are the same sink.
#[derive(Clone)]
pub struct PostgresSink(Outbox);

impl PostgresSink {
    /// A sink for a database, named by a `postgres://` URL or by words as `host=… dbname=…`, and the worker that brings
    /// receipts there: spawn [`PostgresWorker::run`].
    ///
    /// # Errors
    /// If that names no database.
    pub fn new(config: &str, options: PostgresOptions) -> Result<(Self, PostgresWorker), InvalidConfig> {
        let config = config.parse().map_err(|_| InvalidConfig)?;
        let (outbox, courier) = outbox(options.delivery.clone());
        Ok((Self(outbox), PostgresWorker::new(config, courier, options)))
    }

    /// What became of the receipts so far.
    pub fn stats(&self) -> DeliveryStats {
        self.0.stats()
    }

    /// Waits until the database has all receipts, at most this long; whether it has. For the end of a process.
    pub async fn flush(&self, at_most: Duration) -> bool {
        self.0.flush(at_most).await
    }
}

impl UsageSink for PostgresSink {
    fn record(&self, receipt: &Receipt) {
        self.0.sink().record(receipt);
    }
}

/// The URL, which may hold a password, is not printed.
impl fmt::Debug for PostgresSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSink").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// A text that names no database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidConfig;

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the database must be postgres://USER:PASSWORD@HOST:PORT/DB, or words as host=HOST dbname=DB user=USER",
        )
    }
}

impl std::error::Error for InvalidConfig {}
