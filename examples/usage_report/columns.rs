//! What is shown of each row.

use super::entry::Outcome;
use super::totals::Totals;

/// A column of a table.
pub(crate) struct Column {
    /// Its name in CSV.
    pub(crate) name: &'static str,
    /// Its title for people, below the group that it is in.
    pub(crate) title: &'static str,
    pub(crate) group: &'static str,
    pub(crate) shown: Shown,
    pub(crate) value: fn(&Totals) -> Value,
}

/// When people see a column. CSV has them all, always, so that programs find them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Always,
    /// If there is anything in it.
    IfAny,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Count(u128),
    /// In nano-dollars; `None` if nothing is known.
    Cost(Option<u128>),
    /// In microseconds; `None` if nothing was measured.
    Time(Option<u64>),
}

impl Value {
    fn is_any(self) -> bool {
        !matches!(self, Self::Count(0) | Self::Cost(Some(0)) | Self::Time(None))
    }
}

/// All of them, in order. A sum of requests or of tokens is the whole, and what is said beside it a part of it.
pub(crate) const COLUMNS: [Column; 18] = [
    Column {
        group: "",
        name: "requests",
        title: "requests",
        shown: Shown::Always,
        value: |totals| Value::Count(totals.requests.into()),
    },
    Column {
        group: "",
        name: "complete",
        title: "complete",
        shown: Shown::Never,
        value: |totals| outcome(totals, Outcome::Complete),
    },
    Column {
        group: "",
        name: "aborted",
        title: "aborted",
        shown: Shown::IfAny,
        value: |totals| outcome(totals, Outcome::Aborted),
    },
    Column {
        group: "",
        name: "failed",
        title: "failed",
        shown: Shown::IfAny,
        value: |totals| outcome(totals, Outcome::Failed),
    },
    Column {
        group: "",
        name: "refused",
        title: "refused",
        shown: Shown::IfAny,
        value: |totals| outcome(totals, Outcome::Refused),
    },
    Column {
        group: "",
        name: "other",
        title: "other",
        shown: Shown::IfAny,
        value: |totals| outcome(totals, Outcome::Other),
    },
    Column {
        group: "tokens",
        name: "prompt_tokens",
        title: "prompt",
        shown: Shown::Always,
        value: |totals| Value::Count(totals.prompt),
    },
    Column {
        group: "tokens",
        name: "cached_tokens",
        title: "cached",
        shown: Shown::IfAny,
        value: |totals| Value::Count(totals.cached),
    },
    Column {
        group: "tokens",
        name: "cache_write_tokens",
        title: "cache write",
        shown: Shown::IfAny,
        value: |totals| Value::Count(totals.cache_write),
    },
    Column {
        group: "tokens",
        name: "completion_tokens",
        title: "completion",
        shown: Shown::Always,
        value: |totals| Value::Count(totals.completion),
    },
    Column {
        group: "tokens",
        name: "reasoning_tokens",
        title: "reasoning",
        shown: Shown::IfAny,
        value: |totals| Value::Count(totals.reasoning),
    },
    Column {
        group: "tokens",
        name: "estimated_requests",
        title: "estimated",
        shown: Shown::Never,
        value: |totals| Value::Count(totals.estimated.into()),
    },
    Column {
        group: "cost",
        name: "cost_usd",
        title: "USD",
        shown: Shown::Always,
        value: |totals| Value::Cost(totals.known_cost()),
    },
    Column {
        group: "cost",
        name: "unknown_cost_requests",
        title: "unknown",
        shown: Shown::IfAny,
        value: |totals| Value::Count(totals.unpriced.into()),
    },
    Column {
        group: "duration",
        name: "duration_p50_ms",
        title: "p50",
        shown: Shown::Always,
        value: |totals| Value::Time(totals.duration.quantile(50)),
    },
    Column {
        group: "duration",
        name: "duration_p99_ms",
        title: "p99",
        shown: Shown::Always,
        value: |totals| Value::Time(totals.duration.quantile(99)),
    },
    Column {
        group: "first byte",
        name: "first_byte_p50_ms",
        title: "p50",
        shown: Shown::Always,
        value: |totals| Value::Time(totals.first_byte.quantile(50)),
    },
    Column {
        group: "first byte",
        name: "first_byte_p99_ms",
        title: "p99",
        shown: Shown::Always,
        value: |totals| Value::Time(totals.first_byte.quantile(99)),
    },
];

fn outcome(totals: &Totals, outcome: Outcome) -> Value {
    Value::Count(totals.outcome(outcome).into())
}

/// Those that people see of a table with these sums.
pub(crate) fn shown(total: &Totals) -> Vec<&'static Column> {
    let is_shown = |column: &&Column| match column.shown {
        Shown::Always => true,
        Shown::IfAny => (column.value)(total).is_any(),
        Shown::Never => false,
    };
    COLUMNS.iter().filter(is_shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        let mut names = COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COLUMNS.len());
    }

    #[test]
    fn what_is_empty_is_not_shown_but_an_unknown_cost_is() {
        let titles = |totals: &Totals| shown(totals).iter().map(|column| column.title).collect::<Vec<_>>();
        let mut totals = Totals::default();
        assert_eq!(titles(&totals), ["requests", "prompt", "completion", "USD", "p50", "p99", "p50", "p99"]);
        totals.unpriced = 1;
        totals.cached = 1;
        let expected = ["requests", "prompt", "cached", "completion", "USD", "unknown", "p50", "p99", "p50", "p99"];
        assert_eq!(titles(&totals), expected);
    }
}
