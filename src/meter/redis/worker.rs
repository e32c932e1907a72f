//! The worker: what happens beside the path of requests.

use std::fmt;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, Script};

use super::sink::RedisSinkOptions;
use crate::error::BoxError;
use crate::meter::delivery::{Courier, Target, Undelivered};
use crate::meter::receipt::Receipt;

/// Brings the receipts of a [`RedisSink`](super::RedisSink) to Redis.
pub struct RedisWorker {
    courier: Courier,
    stream: Stream,
}

struct Stream {
    client: Client,
    script: Script,
    seen: String,
    options: RedisSinkOptions,
}

impl RedisWorker {
    pub(super) fn new(client: Client, courier: Courier, options: RedisSinkOptions) -> Self {
        let seen = format!("{}:seen", options.stream);
        Self { courier, stream: Stream { client, script: Script::new(include_str!("add.lua")), seen, options } }
    }

    /// Runs until the last sink is gone and Redis has everything; spawn it. While it does not run, receipts wait; if it is
    /// dropped, they are lost and counted.
    pub async fn run(self) {
        self.courier.run(self.stream).await;
    }
}

impl Target for Stream {
    type Connection = MultiplexedConnection;

    async fn connect(&self) -> Result<MultiplexedConnection, BoxError> {
        let mut connection = self.client.get_multiplexed_async_connection().await?;
        ::redis::cmd("PING").exec_async(&mut connection).await?;
        Ok(connection)
    }

    async fn deliver(&self, connection: &mut MultiplexedConnection, receipts: &[Receipt]) -> Result<(), Undelivered> {
        let mut call = self.script.key(&self.options.stream);
        call.key(&self.seen);
        call.arg(u64::try_from(self.options.window.as_millis()).unwrap_or(u64::MAX)).arg(self.options.max_len);
        for receipt in receipts {
            let mut line = Vec::with_capacity(1024);
            receipt.write_json(&mut line);
            call.arg(&*receipt.id).arg(line);
        }
        let added: Result<u64, _> = call.invoke_async(connection).await;
        // Whatever Redis says, it can be mended there: out of memory, read-only, another kind of value under the key.
        added.map(|_| ()).map_err(|error| Undelivered::Away(error.into()))
    }
}

impl fmt::Debug for RedisWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisWorker").finish_non_exhaustive()
    }
}
