//! One pass over the logs.

use std::io;

use super::args::{Args, Format};
use super::calendar::Time;
use super::entry::Entry;
use super::filter::Filter;
use super::groups::{Dimension, Groups};
use super::input::{Line, Lines, Source};
use super::notes::Notes;
use super::progress::Progress;
use super::recent::Recent;

/// What was found in the logs.
pub(crate) struct Report {
    pub(crate) table: Groups,
    /// What a page shows beside the table.
    pub(crate) overview: Option<Overview>,
    pub(crate) notes: Notes,
    /// When the first and the last of the requests that count came.
    pub(crate) span: Option<(Time, Time)>,
}

/// The same requests, from other sides.
pub(crate) struct Overview {
    pub(crate) days: Groups,
    pub(crate) keys: Groups,
    pub(crate) models: Groups,
}

/// Reads the logs, one after the other. Memory depends on the rows and on the ids that are remembered, not on the lines.
pub(crate) fn read(args: &Args, sources: Vec<Source>) -> Result<Report, String> {
    let groups = |by: &[Dimension]| Groups::new(by, args.groups);
    let overview = Overview {
        days: groups(&[Dimension::Day]),
        keys: groups(&[Dimension::Key]),
        models: groups(&[Dimension::Model]),
    };
    let mut report = Report {
        table: groups(&args.by),
        overview: (args.format == Format::Html).then_some(overview),
        notes: Notes::of(sources.len()),
        span: None,
    };
    let mut recent = Recent::new(args.remember);
    let mut progress = Progress::new(args.progress, sources.iter().map(|source| source.bytes).sum());
    for Source { name, log, .. } in sources {
        let unread = |error: io::Error| format!("{name}: cannot be read: {error}");
        let before = report.notes.bytes;
        let mut lines = Lines::new(log).map_err(unread)?;
        while let Some(line) = lines.next().map_err(unread)? {
            report.line(&line, &name, &args.filter, &mut recent);
            progress.at(before + lines.bytes);
        }
        report.notes.bytes = before + lines.bytes;
    }
    progress.end(report.notes.bytes);
    Ok(report)
}

impl Report {
    fn line(&mut self, line: &Line<'_>, log: &str, filter: &Filter, recent: &mut Recent) {
        self.notes.lines += 1;
        if line.too_long {
            return self.notes.foreign(log, line.number, "longer than 1 MiB");
        }
        let entry = match Entry::read(line.text) {
            Ok(entry) => entry,
            Err(reason) => return self.notes.foreign(log, line.number, &reason),
        };
        if !filter.takes(&entry) {
            self.notes.left_out += 1;
        } else if !recent.is_new(&entry.id) {
            self.notes.twice += 1;
        } else {
            self.count(&entry);
        }
    }

    fn count(&mut self, entry: &Entry<'_>) {
        let (first, last) = self.span.unwrap_or((entry.time, entry.time));
        self.span = Some((first.min(entry.time), last.max(entry.time)));
        self.table.add(entry);
        if let Some(overview) = &mut self.overview {
            overview.days.add(entry);
            overview.keys.add(entry);
            overview.models.add(entry);
        }
    }
}
