//! The worker: what happens beside the path of requests.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::store::Shared;

/// Keeps the connection of a [`RedisLimits`](super::RedisLimits), sends its settlements and renews its leases.
pub struct Worker(Arc<Shared>);

/// How long Redis has to answer the worker, which nobody waits for.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long the worker waits before it tries again.
const PAUSE: Duration = Duration::from_millis(100);
/// How many settlements go out in one round trip.
const BATCH: usize = 128;

/// Redis is away.
struct Away;

impl Worker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Runs until it is dropped; spawn it. While it does not run, Redis counts as away.
    pub async fn run(self) {
        let _disconnect = OnDrop(&self.0);
        loop {
            if let Ok(connection) = self.connect().await {
                self.0.connect(Some(connection.clone()));
                let Away = self.serve(connection).await;
                self.0.connect(None);
            }
            sleep(PAUSE).await;
        }
    }

    /// A connection on which Redis has answered.
    async fn connect(&self) -> Result<MultiplexedConnection, Away> {
        let connecting = async {
            let mut connection = self.0.client.get_multiplexed_async_connection().await?;
            redis::cmd("PING").exec_async(&mut connection).await?;
            Ok::<_, redis::RedisError>(connection)
        };
        answer(connecting).await
    }

    async fn serve(&self, mut connection: MultiplexedConnection) -> Away {
        // What was told of an earlier connection.
        let _stale = timeout(Duration::ZERO, self.0.broken.notified()).await;
        let mut renewal = interval(self.0.options.lease / 3);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = self.0.broken.notified() => Err(Away),
                _ = renewal.tick() => self.renew(&mut connection).await,
                () = self.0.queue.filled() => self.send(&mut connection).await,
            };
            if let Err(away) = done {
                return away;
            }
        }
    }

    /// Sends settlements, many in one round trip. Those that are not known to have arrived are kept and sent again; Redis
    /// knows what it has settled.
    async fn send(&self, connection: &mut MultiplexedConnection) -> Result<(), Away> {
        let batch = self.0.queue.take(BATCH);
        let mut pipe = redis::pipe();
        self.0.scripts.settle_all(&self.0.options.prefix, batch.iter(), &mut pipe);
        let sent = answer(pipe.exec_async(connection)).await;
        self.0.queue.done(if sent.is_ok() { Vec::new() } else { batch });
        sent
    }

    /// Renews the leases of the answers that are still in progress.
    async fn renew(&self, connection: &mut MultiplexedConnection) -> Result<(), Away> {
        let leases = self.0.leases();
        if leases.is_empty() {
            return Ok(());
        }
        let time: (u64, u64) = answer(redis::cmd("TIME").query_async(connection)).await?;
        let lease = self.0.options.lease;
        let expires = time.0 * 1_000_000 + time.1 + lease.as_micros() as u64;
        let lives = lease.as_millis() as i64 + 1000;
        for leases in leases.chunks(BATCH) {
            let mut pipe = redis::pipe();
            for (id, [hash, leases]) in leases.iter().flat_map(|(id, keys)| keys.iter().map(move |keys| (id, keys))) {
                // Only what is there: a lease that Redis has forgotten reserves nothing any more.
                pipe.cmd("ZADD").arg(leases).arg("XX").arg(expires).arg(id.to_string()).ignore();
                pipe.pexpire(leases, lives).ignore();
                // What it holds must live as long, and what lives longer must stay.
                pipe.cmd("PEXPIRE").arg(hash).arg(lives).arg("GT").ignore();
            }
            answer(pipe.exec_async(connection)).await?;
        }
        Ok(())
    }
}

/// What Redis answers, if it does so in time.
async fn answer<T>(asked: impl Future<Output = redis::RedisResult<T>>) -> Result<T, Away> {
    timeout(PATIENCE, asked).await.map_err(|_| Away)?.map_err(|_| Away)
}

/// The connection is nobody's when the worker has gone.
struct OnDrop<'a>(&'a Shared);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.connect(None);
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}
