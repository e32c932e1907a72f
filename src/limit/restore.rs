//! Budgets after a restart: what a usage log says was spent.

use std::io::{self, BufRead};
use std::time::Duration;

use super::memory::MemoryLimits;
use super::store::Subject;
use crate::calendar::read_time;
use crate::clock::Clock;
use crate::decimal;
use crate::json::Raw;

/// What was read of a usage log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// Lines that were charged to somebody.
    pub charged: u64,
    /// Lines that charge nobody: nobody's key, or an unknown cost.
    pub free: u64,
    /// Lines that could not be read, among them a last one that was cut off.
    pub unreadable: u64,
    /// All that was spent, in nano-dollars, in whatever window.
    pub nano_usd: u64,
}

/// The longest line that is read as a whole.
const MAX_LINE: u64 = 1 << 20;

impl<C: Clock> MemoryLimits<C> {
    /// Counts what a usage log says was spent, so that budgets survive a restart. Call it before requests are served.
    ///
    /// The log has one JSON object on each line, with `key` (the caller's id), `cost_usd` (a decimal string, or null where
    /// nobody knows), `time` (RFC 3339, in UTC) and, if it is there, `duration_ms`; other fields are not looked at. It is
    /// read line by line, whatever its length. `subjects` says who pays for a caller: the caller itself, and its scopes, with their limits.
    ///
    /// ```
    /// use tower_completions::auth::{Budget, Limits};
    /// use tower_completions::limit::{MemoryLimits, Subject};
    ///
    /// let log = r#"{"id":"1","time":"2026-11-22T10:00:00Z","key":"alice","cost_usd":"0.25"}
    /// {"id":"2","time":"2026-11-22T10:00:01Z","key":"alice","cost_usd":null}
    /// {"id":"3","time":"2026-11-22T10:0"#;
    /// let store = MemoryLimits::new();
    /// let limits = Limits::new().budget(Budget::total_usd(1.0));
    /// let restored = store.restore_log(log.as_bytes(), |key| vec![Subject::caller(key, limits)])?;
    /// assert_eq!((restored.charged, restored.free, restored.unreadable), (1, 1, 1));
    /// assert_eq!(restored.nano_usd, 250_000_000);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the log cannot be read. What was read before counts.
    pub fn restore_log(&self, mut log: impl BufRead, subjects: impl Fn(&str) -> Vec<Subject>) -> io::Result<Restored> {
        let mut restored = Restored::default();
        let mut line = Vec::new();
        while read_line(&mut log, &mut line)? {
            match Entry::read(&line) {
                None => restored.unreadable += 1,
                Some(Entry { spent: None, .. }) => restored.free += 1,
                Some(Entry { key, time, spent: Some(nano_usd) }) => {
                    for subject in subjects(&key) {
                        self.restore(&subject, nano_usd, time);
                    }
                    restored.charged += 1;
                    restored.nano_usd = restored.nano_usd.saturating_add(nano_usd);
                }
            }
        }
        Ok(restored)
    }
}

/// The next line that is not blank, without its end. What is too long is cut, and then cannot be read.
fn read_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        line.clear();
        let read = io::Read::take(&mut *log, MAX_LINE).read_until(b'\n', line)?;
        if read == 0 {
            return Ok(false);
        }
        if line.last() != Some(&b'\n') {
            skip_rest(log)?;
        }
        if !line.trim_ascii().is_empty() {
            return Ok(true);
        }
    }
}

fn skip_rest(log: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = log.fill_buf()?;
        let end = memchr::memchr(b'\n', buffer).map(|at| at + 1);
        let read = end.unwrap_or(buffer.len());
        log.consume(read);
        if end.is_some() || read == 0 {
            return Ok(());
        }
    }
}

/// What a line says of money.
struct Entry {
    key: String,
    time: Duration,
    /// `None` if nobody pays, or nobody knows how much.
    spent: Option<u64>,
}

impl Entry {
    fn read(line: &[u8]) -> Option<Self> {
        let line = Raw::from_bytes(line.trim_ascii()).ok()?;
        let (mut key, mut time, mut cost, mut duration) = (None, None, None, 0);
        for (name, value) in line.fields() {
            match &*name.to_str() {
                "key" => key = Some(value),
                "time" => time = value.as_str(),
                "cost_usd" => cost = Some(value),
                "duration_ms" => duration = value.as_u64().unwrap_or(0),
                _ => {}
            }
        }
        let (key, cost) = (key?, cost?);
        // What is spent is spent when the answer ends.
        let time = read_time(&time?)?.saturating_add(Duration::from_millis(duration));
        if key.is_null() || cost.is_null() {
            return Some(Self { key: String::new(), time, spent: None });
        }
        let spent = decimal::scaled(&cost.as_str()?, 9)?;
        Some(Self { key: key.as_str()?.into_owned(), time, spent: Some(spent) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Budget, BudgetWindow, Limits};
    use crate::clock::ManualClock;
    use crate::limit::LimitStore;

    #[tokio::test]
    async fn what_was_spent_in_this_window_counts_for_everybody_who_pays() {
        let log = concat!(
            "{\"key\":\"alice\",\"cost_usd\":\"0.000000002\",\"time\":\"2026-11-22T10:00:00Z\"}\n",
            "\n",
            "{\"key\":\"alice\",\"cost_usd\":\"5\",\"time\":\"2026-11-21T23:59:59Z\",\"id\":{\"deep\":[1]}}\r\n",
            "not JSON\n",
            "{\"key\":\"alice\",\"cost_usd\":\"-5\",\"time\":\"2026-11-22T10:00:00Z\"}\n",
            "{\"key\":\"alice\",\"cost_usd\":5,\"time\":\"2026-11-22T10:00:00Z\"}\n",
            "{\"key\":null,\"cost_usd\":\"7\",\"time\":\"2026-11-22T10:00:00Z\"}\n",
            "{\"key\":\"bob\",\"cost_usd\":\"0.000000003\",\"time\":\"2026-11-22T11:00:00Z\"}",
        );
        let store = MemoryLimits::with_clock(ManualClock::new(Duration::from_secs(1_795_391_999)));
        let limits = Limits::new().budget(Budget::new(100, BudgetWindow::Day));
        let who = |key: &str| vec![Subject::caller(key, limits), Subject::scope("team", limits)];
        let restored = store.restore_log(log.as_bytes(), who).unwrap();
        assert_eq!((restored.charged, restored.free, restored.unreadable), (3, 1, 3));
        assert_eq!(restored.nano_usd, 5_000_000_005);
        let subjects =
            vec![Subject::caller("alice", limits), Subject::caller("bob", limits), Subject::scope("team", limits)];
        let standings = store.standing(subjects).await.unwrap();
        let spent: Vec<u64> = standings.iter().map(|standing| standing.budget.unwrap().spent).collect();
        assert_eq!(spent, [2, 3, 5]);
    }

    #[test]
    fn a_line_without_end_costs_no_memory() {
        let mut log = vec![b'x'; 3 << 20];
        log.extend_from_slice(b"\n{\"key\":\"a\",\"cost_usd\":\"1\",\"time\":\"2026-11-22T10:00:00Z\"}\n");
        let restored = MemoryLimits::new().restore_log(log.as_slice(), |_| Vec::new()).unwrap();
        assert_eq!((restored.unreadable, restored.charged), (1, 1));
    }

    #[tokio::test]
    async fn an_answer_over_midnight_was_paid_for_when_it_ended() {
        let line = |duration: u64| {
            format!(
                "{{\"key\":\"alice\",\"cost_usd\":\"0.000000007\",\"time\":\"2026-11-21T23:59:59Z\",\"duration_ms\":{duration}}}\n"
            )
        };
        let limits = Limits::new().budget(Budget::new(100, BudgetWindow::Day));
        for (duration, spent) in [(999, 0), (1000, 7)] {
            let store = MemoryLimits::with_clock(ManualClock::new(Duration::from_secs(1_795_391_999)));
            let who = |key: &str| vec![Subject::caller(key, limits)];
            assert_eq!(store.restore_log(line(duration).as_bytes(), who).unwrap().charged, 1);
            let standing = store.standing(vec![Subject::caller("alice", limits)]).await.unwrap().remove(0);
            assert_eq!(standing.budget.unwrap().spent, spent, "{duration}");
        }
    }
}
