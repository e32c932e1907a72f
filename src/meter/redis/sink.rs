//! The sink: what happens on the path of a request.

use std::fmt;
use std::time::Duration;

use super::worker::RedisWorker;
use crate::meter::delivery::{DeliveryOptions, DeliveryStats, Outbox, outbox};
use crate::meter::receipt::Receipt;
use crate::meter::sink::UsageSink;

/// Settings of a [`RedisSink`].
///
/// ```
/// use std::time::Duration;
/// use tower_completions::meter::DeliveryOptions;
/// use tower_completions::meter::redis::RedisSinkOptions;
///
/// let options = RedisSinkOptions::new().stream("{prod}:usage").max_len(1_000_000).delivery(DeliveryOptions::new());
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct RedisSinkOptions {
    pub(super) stream: String,
    pub(super) max_len: u64,
    pub(super) window: Duration,
    pub(super) delivery: DeliveryOptions,
}

impl RedisSinkOptions {
    /// The defaults: the stream `{completions}:usage`, of any length; ids are remembered for an hour.
    pub fn new() -> Self {
        Self {
            stream: "{completions}:usage".to_owned(),
            max_len: 0,
            window: Duration::from_secs(3600),
            delivery: DeliveryOptions::new(),
        }
    }

    /// The key of the stream. The ids are in `…:seen`; in a cluster both need one hash tag, a part in braces.
    #[must_use]
    pub fn stream(self, key: impl Into<String>) -> Self {
        Self { stream: key.into(), ..self }
    }

    /// About how many entries the stream may have: older ones go, read or not. 0 is any number.
    #[must_use]
    pub fn max_len(self, entries: u64) -> Self {
        Self { max_len: entries, ..self }
    }

    /// For how long an id is remembered; a second at least. Each one takes about a hundred bytes of Redis' memory.
    #[must_use]
    pub fn window(self, window: Duration) -> Self {
        Self { window: window.max(Duration::from_secs(1)), ..self }
    }

    /// How receipts get there.
    #[must_use]
    pub fn delivery(self, options: DeliveryOptions) -> Self {
        Self { delivery: options, ..self }
    }
}

impl Default for RedisSinkOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A stream in Redis. See the [module](super).
///
/// Clones are the same sink.
#[derive(Clone)]
pub struct RedisSink(Outbox);

impl RedisSink {
    /// A sink for a `redis://` URL (without TLS), and the worker that brings receipts there: spawn [`RedisWorker::run`].
    ///
    /// # Errors
    /// If the URL is not one of Redis.
    pub fn new(url: &str, options: RedisSinkOptions) -> Result<(Self, RedisWorker), InvalidUrl> {
        let client = ::redis::Client::open(url).map_err(|_| InvalidUrl)?;
        let (outbox, courier) = outbox(options.delivery.clone());
        Ok((Self(outbox), RedisWorker::new(client, courier, options)))
    }

    /// What became of the receipts so far.
    pub fn stats(&self) -> DeliveryStats {
        self.0.stats()
    }

    /// Waits until Redis has all receipts, at most this long; whether it has. For the end of a process.
    pub async fn flush(&self, at_most: Duration) -> bool {
        self.0.flush(at_most).await
    }
}

impl UsageSink for RedisSink {
    fn record(&self, receipt: &Receipt) {
        self.0.sink().record(receipt);
    }
}

/// The URL, which may hold a password, is not printed.
impl fmt::Debug for RedisSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSink").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// A URL that is not one of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUrl;

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the URL must be redis://HOST:PORT/DB, with user:password@ before the host if need be; TLS is not supported")
    }
}

impl std::error::Error for InvalidUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept() {
        let options = RedisSinkOptions::new().stream("{a}:b").max_len(5).window(Duration::ZERO);
        assert_eq!((&*options.stream, options.max_len, options.window), ("{a}:b", 5, Duration::from_secs(1)));
        assert_eq!(options.window(Duration::from_secs(9)).window, Duration::from_secs(9));
    }
}
