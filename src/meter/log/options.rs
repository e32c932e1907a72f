//! How a usage log is told what to do.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// When lines are forced to the disk: what a loss of power, or a crash of the whole machine, may take. The end of the
/// process alone takes nothing under any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// When the operating system likes: on Linux, the last half minute may be lost.
    Never,
    /// Whenever this time has passed, by the [`LogWorker`](super::LogWorker), which has to run: that much may be lost.
    Every(Duration),
    /// Before `record` returns, and before an answer that was submitted goes out: nothing is lost, unless the disk refuses,
    /// which [`LogOptions::on_error`] hears of. Whoever records waits for the disk, milliseconds rather than microseconds;
    /// those who wait at once share one trip.
    Always,
}

/// Settings of a [`UsageLog`](super::UsageLog).
///
/// ```
/// use std::time::Duration;
/// use tower_completions::meter::log::{LogOptions, SyncPolicy};
///
/// let options = LogOptions::new().sync(SyncPolicy::Every(Duration::from_millis(200))).max_bytes(1 << 30);
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct LogOptions {
    pub(super) sync: SyncPolicy,
    pub(super) max_bytes: u64,
    pub(super) daily: bool,
    pub(super) keep: usize,
    pub(super) on_error: Option<OnError>,
    /// How long after an error it is tried again.
    pub(super) pause: Duration,
}

pub(super) type OnError = Arc<dyn Fn(&io::Error) + Send + Sync>;

impl LogOptions {
    /// The defaults: never forced to the disk, a new file each day and after 256 MiB, 4 MiB of lines that may wait while
    /// the disk is full.
    pub fn new() -> Self {
        let pause = Duration::from_millis(100);
        Self { sync: SyncPolicy::Never, max_bytes: 256 << 20, daily: true, keep: 4 << 20, on_error: None, pause }
    }

    /// When lines are forced to the disk.
    #[must_use]
    pub fn sync(self, policy: SyncPolicy) -> Self {
        Self { sync: policy, ..self }
    }

    /// A new file is begun before this one would be longer than so many bytes. A line is never cut for it.
    #[must_use]
    pub fn max_bytes(self, bytes: u64) -> Self {
        Self { max_bytes: bytes, ..self }
    }

    /// Whether a new file is begun each day, in UTC.
    #[must_use]
    pub fn daily(self, daily: bool) -> Self {
        Self { daily, ..self }
    }

    /// How many bytes of lines may wait in memory while they cannot be written.
    #[must_use]
    pub fn keep(self, bytes: usize) -> Self {
        Self { keep: bytes, ..self }
    }

    /// Is called once when something begins to fail, and once more after each time that it has worked in between. It runs
    /// in whoever records, so it should do no more than to write a line somewhere else.
    #[must_use]
    pub fn on_error(self, callback: impl Fn(&io::Error) + Send + Sync + 'static) -> Self {
        Self { on_error: Some(Arc::new(callback)), ..self }
    }
}

impl Default for LogOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogOptions")
            .field("sync", &self.sync)
            .field("max_bytes", &self.max_bytes)
            .field("daily", &self.daily)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}
