//! What time it is, for whatever counts in windows: so that a test can say it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock. What counts in windows of time wants one that never goes back, which all of these are but [`WallClock`].
///
/// ```
/// use std::time::Duration;
/// use tower_completions::clock::{Clock, ManualClock};
///
/// let clock = ManualClock::new(Duration::from_secs(1_700_000_000));
/// clock.advance(Duration::from_secs(30));
/// assert_eq!(clock.now(), Duration::from_secs(1_700_000_030));
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The time since the Unix epoch, in UTC.
    fn now(&self) -> Duration;
}

/// The machine's clock: its wall time when the first one was asked, and its monotonic clock since.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
    wall: Duration,
}

impl SystemClock {
    /// A clock that begins with the wall time of this moment.
    pub fn new() -> Self {
        Self { started: Instant::now(), wall: WallClock.now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.wall.saturating_add(self.started.elapsed())
    }
}

/// The machine's wall clock, asked each time: it follows corrections and a machine that slept, and so may go back.
///
/// For what somebody else compares with a clock of their own, such as the time in a signature.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// A clock that stands still until it is told otherwise, for tests. All clones are the same clock.
#[derive(Clone, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at this time since the Unix epoch.
    pub fn new(now: Duration) -> Self {
        Self(Arc::new(AtomicU64::new(nanos(now))))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanos(by), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_clock_is_near_the_wall_and_never_goes_back() {
        let clock = SystemClock::new();
        let wall = WallClock.now();
        let (first, second) = (clock.now(), clock.now());
        assert!(first <= second && second.abs_diff(wall) < Duration::from_secs(60));
    }

    #[test]
    fn all_clones_are_one_clock() {
        let clock = ManualClock::new(Duration::from_secs(7));
        clock.clone().advance(Duration::from_millis(1));
        assert_eq!(clock.now(), Duration::from_millis(7001));
    }
}
