//! The rows of a table.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use super::calendar::{Day, Month};
use super::entry::{Entry, Outcome};
use super::totals::Totals;

/// The longest name that makes a row of its own. Models are named by clients, who may say anything.
const LONGEST: usize = 256;

/// What rows can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    Key,
    Model,
    Provider,
    ServedModel,
    Outcome,
    Reason,
    Day,
    Month,
}

/// What a row stands for, in one dimension.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Part {
    Name(Box<str>),
    Outcome(Outcome),
    Day(Day),
    Month(Month),
    /// Where there is no name: requests without a key, or that nobody served.
    None,
}

/// What comes first in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Name,
    Cost,
    Requests,
    Tokens,
}

impl Dimension {
    pub(crate) const ALL: [Self; 8] = [
        Self::Key,
        Self::Model,
        Self::Provider,
        Self::ServedModel,
        Self::Outcome,
        Self::Reason,
        Self::Day,
        Self::Month,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::ServedModel => "served_model",
            Self::Outcome => "outcome",
            Self::Reason => "reason",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// For people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::ServedModel => "served model",
            other => other.name(),
        }
    }

    fn of(self, entry: &Entry<'_>) -> Part {
        let name = |name: Option<&str>| name.map_or(Part::None, |name| Part::Name(shortened(name)));
        match self {
            Self::Key => name(entry.key.as_deref()),
            Self::Model => name(entry.model.as_deref()),
            Self::Provider => name(entry.provider.as_deref()),
            Self::ServedModel => name(entry.served_model.as_deref()),
            Self::Outcome => Part::Outcome(entry.outcome),
            Self::Reason => name(entry.reason.as_deref()),
            Self::Day => Part::Day(entry.time.day()),
            Self::Month => Part::Month(entry.time.day().month()),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Outcome(outcome) => f.write_str(outcome.as_str()),
            Self::Day(day) => day.fmt(f),
            Self::Month(month) => month.fmt(f),
            Self::None => f.write_str("(none)"),
        }
    }
}

impl Sort {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "name" => Some(Self::Name),
            "cost" => Some(Self::Cost),
            "requests" => Some(Self::Requests),
            "tokens" => Some(Self::Tokens),
            _ => None,
        }
    }
}

/// A row for each combination that was seen, up to a bound; what comes after that goes into one more.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) by: Vec<Dimension>,
    pub(crate) total: Totals,
    /// What found no row of its own.
    pub(crate) rest: Option<Totals>,
    rows: HashMap<Box<[Part]>, Totals>,
    bound: usize,
    scratch: Vec<Part>,
}

/// A row: what it stands for, and its sums.
pub(crate) type Row<'a> = (&'a [Part], &'a Totals);

impl Groups {
    pub(crate) fn new(by: &[Dimension], bound: usize) -> Self {
        Self { by: by.to_vec(), total: Totals::default(), rest: None, rows: HashMap::new(), bound, scratch: Vec::new() }
    }

    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        self.total.add(entry);
        self.scratch.clear();
        self.scratch.extend(self.by.iter().map(|dimension| dimension.of(entry)));
        if let Some(row) = self.rows.get_mut(self.scratch.as_slice()) {
            row.add(entry);
        } else if self.rows.len() < self.bound {
            let mut row = Totals::default();
            row.add(entry);
            self.rows.insert(self.scratch.as_slice().into(), row);
        } else {
            self.rest.get_or_insert_default().add(entry);
        }
    }

    /// The rows in order, without the rest.
    pub(crate) fn rows(&self, sort: Sort) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = self.rows.iter().map(|(parts, totals)| (parts.as_ref(), totals)).collect();
        rows.sort_unstable_by_key(|(parts, _)| *parts);
        match sort {
            Sort::Name => {}
            Sort::Cost => rows.sort_by_key(|(_, totals)| Reverse(totals.cost)),
            Sort::Requests => rows.sort_by_key(|(_, totals)| Reverse(totals.requests)),
            Sort::Tokens => rows.sort_by_key(|(_, totals)| Reverse(totals.tokens())),
        }
        rows
    }

    /// What the row of the rest is called, in each dimension.
    pub(crate) fn rest_names(&self) -> impl Iterator<Item = &'static str> {
        self.by.iter().enumerate().map(|(index, _)| if index == 0 { "(others)" } else { "" })
    }
}

fn shortened(name: &str) -> Box<str> {
    if name.len() <= LONGEST {
        return name.into();
    }
    let end = (0..=LONGEST).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    format!("{}…", &name[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(groups: &mut Groups, key: &str, model: &str, day: u32, cost: &str) {
        let line = format!(
            r#"{{"id":"","time":"2026-11-{day}T12:00:00Z","key":{key},"model":"{model}","outcome":"complete","cost_usd":"{cost}"}}"#
        );
        groups.add(&Entry::read(line.as_bytes()).unwrap());
    }

    fn shown(groups: &Groups, sort: Sort) -> Vec<String> {
        let name = |parts: &[Part]| parts.iter().map(Part::to_string).collect::<Vec<_>>().join(" ");
        let rows = groups.rows(sort).into_iter();
        rows.map(|(parts, totals)| format!("{} {}", name(parts), totals.requests)).collect()
    }

    #[test]
    fn a_row_for_each_combination_in_order() {
        let mut groups = Groups::new(&[Dimension::Day, Dimension::Key], 100);
        add(&mut groups, "\"bob\"", "m", 30, "1");
        add(&mut groups, "\"bob\"", "n", 30, "1");
        add(&mut groups, "null", "m", 30, "0");
        add(&mut groups, "\"alice\"", "m", 29, "3");
        assert_eq!(shown(&groups, Sort::Name), ["2026-11-29 alice 1", "2026-11-30 bob 2", "2026-11-30 (none) 1"]);
        assert_eq!(shown(&groups, Sort::Requests)[0], "2026-11-30 bob 2");
        assert_eq!(shown(&groups, Sort::Cost)[0], "2026-11-29 alice 1");
        assert_eq!(groups.total.requests, 4);
    }

    #[test]
    fn names_that_clients_make_up_do_not_fill_the_memory() {
        let mut groups = Groups::new(&[Dimension::Model, Dimension::Day], 2);
        for model in ["a", "b", "c", "d", "a"] {
            add(&mut groups, "null", model, 30, "1");
        }
        assert_eq!(shown(&groups, Sort::Name), ["a 2026-11-30 2", "b 2026-11-30 1"]);
        assert_eq!(groups.rest.as_ref().unwrap().requests, 2);
        assert_eq!(groups.rest_names().collect::<Vec<_>>(), ["(others)", ""]);
        assert_eq!(groups.total.requests, 5);
        assert_eq!(shortened(&"ä".repeat(200)).chars().count(), 129);
    }
}
