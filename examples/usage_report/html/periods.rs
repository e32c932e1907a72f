//! The requests along time: days, or months, or years if that were too many.

use std::collections::BTreeMap;

use super::super::calendar::{Day, Month};
use super::super::groups::{Groups, Part, Sort};
use super::super::totals::Totals;

/// How many days a chart has at most, before it has months, and how many months before it has years.
const MAX_DAYS: u32 = 100;
const MAX_MONTHS: u32 = 100;

/// The requests along time, without gaps: where nothing happened the sums are empty.
pub(super) struct Periods {
    /// `day`, `month` or `year`.
    pub(super) unit: &'static str,
    pub(super) all: Vec<Period>,
}

pub(super) struct Period {
    /// Below the axis: `30 Nov`.
    pub(super) short: String,
    /// In a sentence: `30 Nov 2026`.
    pub(super) long: String,
    pub(super) totals: Totals,
}

impl Periods {
    /// Of rows that are days.
    pub(super) fn new(days: &Groups) -> Self {
        let days: BTreeMap<Day, &Totals> = days
            .rows(Sort::Name)
            .into_iter()
            .filter_map(|(parts, totals)| match parts {
                [Part::Day(day)] => Some((*day, totals)),
                _ => None,
            })
            .collect();
        let (Some((&first, _)), Some((&last, _))) = (days.first_key_value(), days.last_key_value()) else {
            return Self { unit: "day", all: Vec::new() };
        };
        if first.days_until(last) < MAX_DAYS {
            let days_of = |day: Day| days.range(day..=day);
            let through = std::iter::successors(Some(first), |day| Some(day.next())).take_while(|day| *day <= last);
            let all = through.map(|day| Period::new(day.short(), day.long(), days_of(day))).collect();
            return Self { unit: "day", all };
        }
        let of = |month: Month, months: u32| {
            days.range(month.first_day()..).take_while(move |(day, _)| month.months_until(day.month()) < months)
        };
        let (first, last) = (first.month(), last.month());
        let months = |start: Month, step: u32| {
            let next = move |month: &Month| Some(month.plus(step));
            std::iter::successors(Some(start), next).take_while(move |month| *month <= last)
        };
        if first.months_until(last) < MAX_MONTHS {
            let all = months(first, 1).map(|month| Period::new(month.long(), month.long(), of(month, 1))).collect();
            return Self { unit: "month", all };
        }
        let year = |month: Month| month.year().to_string();
        let all =
            months(first.january(), 12).map(|month| Period::new(year(month), year(month), of(month, 12))).collect();
        Self { unit: "year", all }
    }
}

impl Period {
    fn new<'a>(short: String, long: String, days: impl Iterator<Item = (&'a Day, &'a &'a Totals)>) -> Self {
        let mut totals = Totals::default();
        days.for_each(|(_, day)| totals.merge(day));
        Self { short, long, totals }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::entry::Entry;
    use super::super::super::groups::Dimension;
    use super::*;

    fn periods(days: &[&str]) -> (String, usize, Vec<u64>) {
        let mut groups = Groups::new(&[Dimension::Day], 1000);
        for day in days {
            let line = format!(
                r#"{{"id":"","time":"{day}T12:00:00Z","key":null,"model":"m","outcome":"complete","cost_usd":"0"}}"#
            );
            groups.add(&Entry::read(line.as_bytes()).unwrap());
        }
        let periods = Periods::new(&groups);
        let requests: Vec<u64> = periods.all.iter().map(|period| period.totals.requests).collect();
        let labels = periods.all.iter().map(|period| period.short.as_str()).take(3).collect::<Vec<_>>().join(", ");
        (format!("{}: {labels}", periods.unit), requests.len(), requests.into_iter().filter(|&n| n > 0).collect())
    }

    #[test]
    fn no_day_is_left_out() {
        assert_eq!(periods(&[]), ("day: ".into(), 0, vec![]));
        let days = ["2026-12-02", "2026-11-30", "2026-11-30"];
        assert_eq!(periods(&days), ("day: 30 Nov, 1 Dec, 2 Dec".into(), 3, vec![2, 1]));
    }

    #[test]
    fn what_is_long_has_months_and_then_years() {
        let days = ["2025-11-30", "2025-12-01", "2025-12-31", "2026-11-01"];
        assert_eq!(periods(&days), ("month: Nov 2025, Dec 2025, Jan 2026".into(), 13, vec![1, 2, 1]));
        let days = ["1999-11-30", "1999-12-31", "2026-11-30"];
        assert_eq!(periods(&days), ("year: 1999, 2000, 2001".into(), 28, vec![2, 1]));
    }
}
