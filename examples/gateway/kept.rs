//! What outlives a stack: connections, counters, and who is in progress.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tower_completions::auth::Priority;
use tower_completions::client::Client;
use tower_completions::limit::MemoryLimits;
use tower_completions::limit::redis::{OnStoreError, RedisLimits, RedisOptions};
use tower_completions::meter::Drain;
use tower_completions::meter::log::UsageLog;
use tower_completions::{RateLimitLayer, ShedLayer};

use super::config::{self, Config, Counters};
use super::drain::DrainLayer;
use super::ledger;

/// What one stack hands on to the next. A stack that fails to be built leaves nothing behind in it: build it with a clone.
#[derive(Clone)]
pub(crate) struct Kept {
    client: (Duration, Client),
    memory: MemoryLimits,
    redis: Option<Redis>,
    log: Option<(PathBuf, UsageLog)>,
    /// Whether the counters in memory know what the usage log says of earlier processes.
    is_restored: bool,
    read_on: Option<Drain>,
    shed: ShedLayer,
    drain: DrainLayer,
}

/// Counters in Redis, and what they were made for.
#[derive(Clone)]
struct Redis {
    url: String,
    on_error: [config::OnStoreError; 2],
    store: RedisLimits,
}

impl Kept {
    /// Nothing yet. The channel says when nothing is waited for any more.
    pub(crate) fn new(cut: watch::Receiver<bool>) -> Self {
        let connect = config::Timeouts::default().connect;
        Self {
            client: (connect, client(connect)),
            memory: MemoryLimits::new(),
            redis: None,
            log: None,
            is_restored: false,
            read_on: None,
            shed: ShedLayer::new(usize::MAX),
            drain: DrainLayer::new(cut),
        }
    }

    /// The client, with the connections that it has, unless it is to wait for new ones in another way.
    pub(crate) fn client(&mut self, config: &Config) -> Client {
        let connect = config.timeouts.connect;
        if self.client.0 != connect {
            self.client = (connect, client(connect));
        }
        self.client.1.clone()
    }

    /// Limits that are counted where they were, or in another Redis from now on. The worker of one that is left goes on for
    /// the answers in progress.
    pub(crate) fn limits(&mut self, counters: &Counters) -> Result<RateLimitLayer, Box<dyn Error>> {
        let Some(url) = &counters.redis else {
            self.redis = None;
            return Ok(RateLimitLayer::new(self.memory.clone()));
        };
        let on_error = [counters.on_store_error, counters.budget_on_store_error];
        let same = self.redis.as_ref().filter(|kept| kept.url == url.expose() && kept.on_error == on_error);
        if let Some(kept) = same {
            return Ok(RateLimitLayer::new(kept.store.clone()));
        }
        let [requests, budgets] = on_error.map(on_store_error);
        let options = RedisOptions::new().on_store_error(requests).budget_on_store_error(budgets);
        let (store, worker) = RedisLimits::new(url.expose(), options)?;
        tokio::spawn(worker.run());
        self.redis = Some(Redis { url: url.expose().to_owned(), on_error, store: store.clone() });
        Ok(RateLimitLayer::new(store))
    }

    /// The usage log, if there is to be one. The first one says what the budgets in memory begin with.
    pub(crate) fn open_log(&mut self, config: &Config) -> Result<Option<UsageLog>, String> {
        let Some(path) = &config.usage else {
            self.log = None;
            return Ok(None);
        };
        if let Some((_, log)) = self.log.as_ref().filter(|(kept, _)| kept == path) {
            return Ok(Some(log.clone()));
        }
        let log = ledger::open(path)?;
        if !std::mem::replace(&mut self.is_restored, true) && config.counters.redis.is_none() {
            ledger::restore(&self.memory, path, config)?;
        }
        self.log = Some((path.clone(), log.clone()));
        Ok(Some(log))
    }

    /// What reads answers on whose clients have left.
    pub(crate) fn read_on(&mut self) -> Drain {
        let begin = || {
            let (read_on, worker) = Drain::new(tokio::time::sleep);
            tokio::spawn(worker.run());
            read_on
        };
        self.read_on.get_or_insert_with(begin).clone()
    }

    /// The usage log, if there is one.
    pub(crate) fn log(&self) -> Option<&UsageLog> {
        self.log.as_ref().map(|(_, log)| log)
    }

    /// The store in Redis, if limits are counted in one.
    pub(crate) fn redis(&self) -> Option<&RedisLimits> {
        self.redis.as_ref().map(|redis| &redis.store)
    }

    /// The cap on answers in progress: those of earlier stacks count.
    pub(crate) fn shed(&self, config: &Config) -> ShedLayer {
        let Some(shed) = &config.shed else { return self.shed.resized(usize::MAX) };
        let normal = shed.normal_share.unwrap_or(if config.has_important { 0.9 } else { 1.0 });
        self.shed.resized(shed.max_in_flight).share(Priority::Normal, normal).share(Priority::Low, shed.low_share)
    }

    /// What ends answers when the gateway ends.
    pub(crate) fn drain(&self) -> DrainLayer {
        self.drain.clone()
    }
}

fn client(connect: Duration) -> Client {
    Client::builder().connect_timeout(connect).build()
}

fn on_store_error(choice: config::OnStoreError) -> OnStoreError {
    match choice {
        config::OnStoreError::Open => OnStoreError::Open,
        config::OnStoreError::Closed => OnStoreError::Closed,
        config::OnStoreError::Local => OnStoreError::Local,
    }
}
