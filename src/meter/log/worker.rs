//! What happens to a log beside the path of requests.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::options::SyncPolicy;
use super::usage_log::Shared;

/// Forces lines to the disk, and writes what had to wait. The host runs it.
///
/// With tokio that is `tokio::spawn(log.worker().run(tokio::time::sleep))`. Forcing something to the disk blocks the thread
/// on which that happens; a host that minds gives it one of its own:
///
/// ```no_run
/// # fn host(log: tower_completions::meter::log::UsageLog) {
/// let worker = log.worker();
/// std::thread::spawn(move || {
///     while worker.tick() {
///         std::thread::sleep(std::time::Duration::from_millis(200));
///     }
/// });
/// # }
/// ```
pub struct LogWorker(Weak<Shared>);

impl LogWorker {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::downgrade(shared))
    }

    /// Does what is to be done, and rests for as long as the policy says (a second, where it says nothing), until the log is
    /// gone. `sleep` is the runtime's.
    pub async fn run<F: Future<Output = ()>>(self, mut sleep: impl FnMut(Duration) -> F) {
        while let Some(pause) = self.pause() {
            self.tick();
            sleep(pause).await;
        }
    }

    /// Does once what is to be done. False when the log is gone.
    pub fn tick(&self) -> bool {
        let Some(shared) = self.0.upgrade() else { return false };
        shared.write_waiting();
        if shared.options().sync != SyncPolicy::Never {
            shared.sync();
        }
        true
    }

    fn pause(&self) -> Option<Duration> {
        let shared = self.0.upgrade()?;
        Some(match shared.options().sync {
            SyncPolicy::Every(pause) => pause.max(Duration::from_millis(1)),
            _ => Duration::from_secs(1),
        })
    }
}

impl fmt::Debug for LogWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWorker").finish_non_exhaustive()
    }
}
