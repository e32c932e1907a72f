//! What has to be said beside the figures.

use super::numbers::{bytes, thousands};
use super::report::Report;

/// How many lines that were not understood are named.
const NAMED: usize = 10;

/// What was read, and what of it does not count.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    logs: usize,
    pub(crate) bytes: u64,
    /// Lines that are not blank.
    pub(crate) lines: u64,
    /// Lines that were not understood.
    pub(crate) foreign: u64,
    /// Lines whose id was there before.
    pub(crate) twice: u64,
    /// Lines that the filters left out.
    pub(crate) left_out: u64,
    named: Vec<String>,
}

impl Notes {
    pub(crate) fn of(logs: usize) -> Self {
        Self { logs, ..Self::default() }
    }

    /// A line was not understood.
    pub(crate) fn foreign(&mut self, log: &str, line: u64, reason: &str) {
        self.foreign += 1;
        if self.named.len() < NAMED {
            self.named.push(format!("{log}:{line} ({reason})"));
        }
    }

    /// Sentences for whoever reads the figures.
    pub(crate) fn lines(&self, report: &Report) -> Vec<String> {
        let totals = &report.table.total;
        let logs = plural(self.logs as u64, "log", "logs");
        let mut lines = vec![format!("{} in {logs}, {}.", plural(self.lines, "line", "lines"), bytes(self.bytes))];
        if self.left_out > 0 {
            lines.push(format!("{} not asked for.", plural(self.left_out, "request was", "requests were")));
        }
        if self.foreign > 0 {
            let more = self.foreign - self.named.len() as u64;
            let more = if more > 0 { format!(", and {} more", thousands(more.into())) } else { String::new() };
            let what = plural(self.foreign, "line was not understood and does", "lines were not understood and do");
            lines.push(format!("{what} not count: {}{more}.", self.named.join(", ")));
        }
        if self.twice > 0 {
            let what = plural(self.twice, "line has an id that was", "lines have an id that was");
            lines.push(format!("{what} there before, and counted once."));
        }
        if totals.unpriced > 0 {
            let what = plural(totals.unpriced, "request has", "requests have");
            lines.push(format!("{what} an unknown cost, which is in no sum."));
        }
        if totals.estimated > 0 {
            let what = plural(totals.estimated, "request has", "requests have");
            lines.push(format!("{what} tokens that were estimated, all or some of them."));
        }
        if let Some(rest) = &report.table.rest {
            let what = plural(rest.requests, "request is", "requests are");
            lines.push(format!("{what} in the row (others): the table has as many rows as --groups allows."));
        }
        lines
    }
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count.into()), if count == 1 { one } else { many })
}
