//! How far it is, for whoever waits.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::numbers::bytes;

/// How often it is said on a terminal, how often elsewhere, and after how many bytes it is looked whether it is time to.
const EVERY: Duration = Duration::from_millis(200);
const SELDOM: Duration = Duration::from_secs(2);
const STEP: u64 = 1 << 20;

/// How far it is: on standard error, if that is a terminal or somebody asks for it.
pub(crate) struct Progress {
    wanted: bool,
    terminal: bool,
    /// Nothing if one of the logs does not say how long it is.
    total: Option<u64>,
    next: u64,
    said: Instant,
}

impl Progress {
    pub(crate) fn new(asked: bool, total: Option<u64>) -> Self {
        let terminal = io::stderr().is_terminal();
        Self { wanted: asked || terminal, terminal, total, next: STEP, said: Instant::now() }
    }

    /// So many bytes have been read.
    pub(crate) fn at(&mut self, read: u64) {
        if self.wanted && read >= self.next {
            self.next = read + STEP;
            if self.said.elapsed() >= if self.terminal { EVERY } else { SELDOM } {
                self.said = Instant::now();
                self.say(&line(read, self.total), false);
            }
        }
    }

    /// All have been read.
    pub(crate) fn end(&self, read: u64) {
        if self.wanted {
            self.say(&format!("read {}", bytes(read)), true);
        }
    }

    /// A terminal has one line for it, and none when it is over.
    fn say(&self, line: &str, last: bool) {
        let mut to = io::stderr().lock();
        let _ = match (self.terminal, last) {
            (true, false) => write!(to, "\r\x1b[K{line}"),
            (true, true) => write!(to, "\r\x1b[K"),
            (false, _) => writeln!(to, "{line}"),
        };
        let _ = to.flush();
    }
}

fn line(read: u64, total: Option<u64>) -> String {
    match total {
        // A log may grow while it is read.
        Some(total) if total > 0 => {
            format!("{} of {}, {} %", bytes(read.min(total)), bytes(total), read.min(total) * 100 / total)
        }
        _ => format!("{} read", bytes(read)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_much_of_what() {
        assert_eq!(line(12_345_678, Some(300_000_000)), "12.3 MB of 300 MB, 4 %");
        assert_eq!(line(301_000_000, Some(300_000_000)), "300 MB of 300 MB, 100 %");
        assert_eq!(line(12_345, None), "12.3 kB read");
    }
}
