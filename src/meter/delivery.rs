//! Bringing receipts to a server, beside the path of requests.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::channel::{ChannelSink, Receipts, channel};
use super::receipt::Receipt;
use crate::error::BoxError;

/// Settings of a sink that brings receipts to a server.
///
/// ```
/// use std::time::Duration;
/// use tower_completions::meter::DeliveryOptions;
///
/// let options = DeliveryOptions::new().queue(100_000).timeout(Duration::from_secs(2)).on_error(|error| println!("{error}"));
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct DeliveryOptions {
    queue: usize,
    batch: usize,
    timeout: Duration,
    on_error: Option<OnError>,
}

type OnError = Arc<dyn Fn(&BoxError) + Send + Sync>;

impl DeliveryOptions {
    /// The defaults: 65,536 receipts that may wait, 128 in one trip, 5 seconds for each trip.
    pub fn new() -> Self {
        Self { queue: 1 << 16, batch: 128, timeout: Duration::from_secs(5), on_error: None }
    }

    /// How many receipts may wait. What comes beyond that is dropped, and counted in [`DeliveryStats::dropped`].
    #[must_use]
    pub fn queue(self, receipts: usize) -> Self {
        Self { queue: receipts, ..self }
    }

    /// How many receipts go in one trip; one at the least.
    #[must_use]
    pub fn batch(self, receipts: usize) -> Self {
        Self { batch: receipts.max(1), ..self }
    }

    /// How long a trip may take before the server counts as away.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Is called once when the server begins to be away, and for each receipt that it will not have. It runs in the worker.
    #[must_use]
    pub fn on_error(self, callback: impl Fn(&BoxError) + Send + Sync + 'static) -> Self {
        Self { on_error: Some(Arc::new(callback)), ..self }
    }
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DeliveryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryOptions")
            .field("queue", &self.queue)
            .field("batch", &self.batch)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What became of the receipts that were to be brought to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryStats {
    /// Whether the server answered last time.
    pub connected: bool,
    /// Receipts that the server has.
    pub delivered: u64,
    /// Receipts that wait or are on their way.
    pub waiting: u64,
    /// Receipts that are lost: more waited than may, or the worker was dropped.
    pub dropped: u64,
    /// Receipts that the server will not have, whenever they are sent.
    pub refused: u64,
    /// How often the server was away.
    pub errors: u64,
}

#[derive(Default)]
struct Counts {
    connected: AtomicBool,
    delivered: AtomicU64,
    refused: AtomicU64,
    errors: AtomicU64,
}

/// The end on the path of requests.
#[derive(Clone)]
pub(super) struct Outbox {
    sink: ChannelSink,
    counts: Arc<Counts>,
}

/// The end of the worker.
pub(super) struct Courier {
    receipts: Receipts,
    counts: Arc<Counts>,
    options: DeliveryOptions,
}

/// Where receipts are brought. What is brought twice must count once.
pub(super) trait Target: Send {
    type Connection: Send;

    fn connect(&self) -> impl Future<Output = Result<Self::Connection, BoxError>> + Send;

    /// Brings all of them, or fails.
    fn deliver(
        &self,
        connection: &mut Self::Connection,
        receipts: &[Receipt],
    ) -> impl Future<Output = Result<(), Undelivered>> + Send;
}

/// Why receipts were not delivered.
pub(super) enum Undelivered {
    /// The server is away: they are tried again.
    Away(BoxError),
    /// There is something in one of them that the server will never take.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "Redis takes any text"))]
    Refused(BoxError),
}

/// Pauses between tries: from the first one on, each is twice as long as the last, up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

pub(super) fn outbox(options: DeliveryOptions) -> (Outbox, Courier) {
    let (sink, receipts) = channel(options.queue);
    let counts = Arc::new(Counts::default());
    (Outbox { sink, counts: counts.clone() }, Courier { receipts, counts, options })
}

impl Outbox {
    pub(super) fn sink(&self) -> &ChannelSink {
        &self.sink
    }

    pub(super) fn stats(&self) -> DeliveryStats {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DeliveryStats {
            connected: self.counts.connected.load(Ordering::Relaxed),
            delivered: count(&self.counts.delivered),
            waiting: self.sink.backlog() as u64,
            dropped: self.sink.dropped(),
            refused: count(&self.counts.refused),
            errors: count(&self.counts.errors),
        }
    }

    pub(super) async fn flush(&self, at_most: Duration) -> bool {
        let empty = async {
            while self.sink.backlog() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(at_most, empty).await.is_ok() && self.sink.backlog() == 0
    }
}

impl Courier {
    /// Runs until the last sink has gone and everything is delivered, or until it is dropped.
    pub(super) async fn run(mut self, target: impl Target) {
        let _gone = Disconnect(self.counts.clone());
        let mut batch = Vec::new();
        let mut pause = PAUSES.0;
        let mut said = false;
        loop {
            let before = self.counts.delivered.load(Ordering::Relaxed);
            let error = match within(self.options.timeout, target.connect()).await {
                Ok(connection) => {
                    self.counts.connected.store(true, Ordering::Relaxed);
                    let Some(error) = self.serve(&target, connection, &mut batch).await else { return };
                    error
                }
                Err(error) => error,
            };
            self.counts.connected.store(false, Ordering::Relaxed);
            self.counts.errors.fetch_add(1, Ordering::Relaxed);
            // Only what was delivered shows that it has worked in between.
            if self.counts.delivered.load(Ordering::Relaxed) > before {
                (pause, said) = (PAUSES.0, false);
            }
            if !std::mem::replace(&mut said, true) {
                self.say(&error);
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Delivers until the server is away; `None` when there is nothing left to deliver.
    async fn serve<T: Target>(
        &mut self,
        target: &T,
        mut connection: T::Connection,
        batch: &mut Vec<Receipt>,
    ) -> Option<BoxError> {
        loop {
            if batch.is_empty() && !self.receipts.take(self.options.batch, batch).await {
                return None;
            }
            match self.trip(target, &mut connection, batch).await {
                Ok(()) => self.counts.delivered.fetch_add(batch.len() as u64, Ordering::Relaxed),
                Err(Undelivered::Away(error)) => return Some(error),
                Err(Undelivered::Refused(_)) => match self.one_by_one(target, &mut connection, batch).await {
                    Ok(delivered) => self.counts.delivered.fetch_add(delivered, Ordering::Relaxed),
                    Err(error) => return Some(error),
                },
            };
            batch.clear();
            self.receipts.safe();
        }
    }

    /// Finds out which of them the server will not have. Returns how many it has. What it has already is sent again if the
    /// rest has to be.
    async fn one_by_one<T: Target>(
        &self,
        target: &T,
        connection: &mut T::Connection,
        batch: &[Receipt],
    ) -> Result<u64, BoxError> {
        let mut refused = Vec::new();
        for receipt in batch {
            match self.trip(target, connection, std::slice::from_ref(receipt)).await {
                Ok(()) => {}
                Err(Undelivered::Away(error)) => return Err(error),
                Err(Undelivered::Refused(error)) => refused.push(error),
            }
        }
        self.counts.refused.fetch_add(refused.len() as u64, Ordering::Relaxed);
        refused.iter().for_each(|error| self.say(error));
        Ok((batch.len() - refused.len()) as u64)
    }

    async fn trip<T: Target>(
        &self,
        target: &T,
        connection: &mut T::Connection,
        receipts: &[Receipt],
    ) -> Result<(), Undelivered> {
        match timeout(self.options.timeout, target.deliver(connection, receipts)).await {
            Ok(result) => result,
            Err(late) => Err(Undelivered::Away(late.into())),
        }
    }

    fn say(&self, error: &BoxError) {
        if let Some(callback) = &self.options.on_error {
            callback(error);
        }
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    timeout(time, work).await.map_err(BoxError::from)?
}

/// Nobody is connected when the worker has gone.
struct Disconnect(Arc<Counts>);

impl Drop for Disconnect {
    fn drop(&mut self) {
        self.0.connected.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
