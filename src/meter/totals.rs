//! What was used so far, for each caller and model.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::receipt::{Outcome, Receipt};
use super::sink::UsageSink;
use crate::usage::Usage;

/// Totals in memory for each caller and model, since the process began: for a page of the host's, or a test.
///
/// The model is the configured one that served; what nobody served counts under no model, so that names that strangers
/// think of take no room. Beyond a bound of pairs, everything else is one [`Total`]. Clones are the same totals.
///
/// ```
/// use std::time::Duration;
/// use tower_completions::meter::{Receipt, Totals, UsageSink};
///
/// let totals = Totals::new();
/// let mut receipt = Receipt::new("r-1", Duration::ZERO, "fast");
/// receipt.key = Some("alice".into());
/// receipt.served_model = Some("gpt-4o-mini".into());
/// receipt.cost = Some(321_000);
/// totals.record(&receipt);
/// let rows = totals.snapshot();
/// assert_eq!((rows[0].key.as_deref(), rows[0].model.as_deref()), (Some("alice"), Some("gpt-4o-mini")));
/// assert_eq!(rows[0].total.nano_usd, 321_000);
/// ```
#[derive(Clone, Debug)]
pub struct Totals(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    rows: HashMap<Pair, Total>,
    most: usize,
    others: Total,
}

/// A caller, and a model that served.
type Pair = (Option<Arc<str>>, Option<Arc<str>>);

/// The total of a caller and a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TotalRow {
    /// The caller's id; `None` for the anonymous one.
    pub key: Option<Arc<str>>,
    /// The configured id of the model that served; `None` where none did.
    pub model: Option<Arc<str>>,
    /// What they used.
    pub total: Total,
}

/// A sum of receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Total {
    /// How many there were.
    pub requests: u64,
    /// How many of them failed, in us or behind us.
    pub failed: u64,
    /// How many we refused.
    pub refused: u64,
    /// How many clients left.
    pub aborted: u64,
    /// The tokens, in disjoint classes.
    pub usage: Usage,
    /// What they cost, in nano-dollars, as far as their price is known.
    pub nano_usd: u64,
    /// How many used tokens whose price is not known.
    pub unpriced: u64,
}

impl Total {
    fn add(&mut self, receipt: &Receipt) {
        self.requests += 1;
        match receipt.outcome {
            Outcome::Complete => {}
            Outcome::Failed => self.failed += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Aborted => self.aborted += 1,
        }
        self.usage = plus(self.usage, receipt.usage);
        match receipt.cost {
            Some(cost) => self.nano_usd = self.nano_usd.saturating_add(cost),
            None => self.unpriced += 1,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.refused += other.refused;
        self.aborted += other.aborted;
        self.unpriced += other.unpriced;
        self.nano_usd = self.nano_usd.saturating_add(other.nano_usd);
        self.usage = plus(self.usage, other.usage);
    }
}

fn plus(a: Usage, b: Usage) -> Usage {
    Usage {
        input: a.input.saturating_add(b.input),
        cache_read: a.cache_read.saturating_add(b.cache_read),
        cache_write: a.cache_write.saturating_add(b.cache_write),
        cache_write_1h: a.cache_write_1h.saturating_add(b.cache_write_1h),
        input_audio: a.input_audio.saturating_add(b.input_audio),
        output: a.output.saturating_add(b.output),
        reasoning: a.reasoning.saturating_add(b.reasoning),
        output_audio: a.output_audio.saturating_add(b.output_audio),
    }
}

impl Totals {
    /// Nothing was used yet. At most 10,000 pairs of a caller and a model are told apart.
    pub fn new() -> Self {
        Self::with_capacity(10_000)
    }

    /// The same, with another bound.
    pub fn with_capacity(pairs: usize) -> Self {
        Self(Arc::new(Mutex::new(Table { rows: HashMap::new(), most: pairs, others: Total::default() })))
    }

    /// All totals, in order of callers and models.
    pub fn snapshot(&self) -> Vec<TotalRow> {
        let table = self.lock();
        let rows = table.rows.iter();
        let mut rows: Vec<_> = rows
            .map(|((key, model), total)| TotalRow { key: key.clone(), model: model.clone(), total: *total })
            .collect();
        drop(table);
        rows.sort_unstable_by(|a, b| (&a.key, &a.model).cmp(&(&b.key, &b.model)));
        rows
    }

    /// What did not fit into the bound.
    pub fn others(&self) -> Total {
        self.lock().others
    }

    /// Everything together.
    pub fn sum(&self) -> Total {
        let table = self.lock();
        let mut sum = table.others;
        for total in table.rows.values() {
            sum.merge(total);
        }
        sum
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Totals {
    fn default() -> Self {
        Self::new()
    }
}

impl UsageSink for Totals {
    fn record(&self, receipt: &Receipt) {
        let pair = (receipt.key.clone(), receipt.served_model.clone());
        let table = &mut *self.lock();
        let is_full = table.rows.len() >= table.most;
        let total = match table.rows.get_mut(&pair) {
            Some(total) => total,
            None if is_full => &mut table.others,
            None => table.rows.entry(pair).or_default(),
        };
        total.add(receipt);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn receipt(key: &str, model: Option<&str>, outcome: Outcome, cost: Option<u64>) -> Receipt {
        let mut receipt = Receipt::new("r", Duration::ZERO, "whatever a stranger asks for");
        receipt.key = Some(key.into());
        receipt.served_model = model.map(Into::into);
        receipt.outcome = outcome;
        receipt.cost = cost;
        receipt.usage = Usage { input: 1, cache_read: 2, output: 3, reasoning: u64::MAX, ..Usage::default() };
        receipt
    }

    #[test]
    fn each_pair_has_its_row_up_to_the_bound() {
        let totals = Totals::with_capacity(2);
        for (key, model, outcome, cost) in [
            ("b", Some("m"), Outcome::Complete, Some(5)),
            ("b", Some("m"), Outcome::Aborted, None),
            ("a", None, Outcome::Refused, Some(0)),
            ("c", Some("m"), Outcome::Failed, Some(u64::MAX)),
            ("d", Some("m"), Outcome::Complete, Some(7)),
        ] {
            totals.record(&receipt(key, model, outcome, cost));
        }
        let rows = totals.snapshot();
        let names: Vec<_> = rows.iter().map(|row| (row.key.as_deref(), row.model.as_deref())).collect();
        assert_eq!(names, [(Some("a"), None), (Some("b"), Some("m"))]);
        let usage = Usage { input: 2, cache_read: 4, output: 6, reasoning: u64::MAX, ..Usage::default() };
        let expected = Total { requests: 2, aborted: 1, usage, nano_usd: 5, unpriced: 1, ..Total::default() };
        assert_eq!(rows[1].total, expected);
        assert_eq!((totals.others().requests, totals.others().failed), (2, 1));
        let sum = totals.sum();
        assert_eq!((sum.requests, sum.failed, sum.refused, sum.aborted, sum.unpriced), (5, 1, 1, 1, 1));
        assert_eq!((sum.usage.input, sum.nano_usd), (5, u64::MAX));
    }

    #[test]
    fn the_sum_is_of_the_rows_and_the_others() {
        let totals = Totals::with_capacity(1);
        for key in ["a", "b", "b"] {
            for outcome in [Outcome::Complete, Outcome::Failed, Outcome::Refused, Outcome::Aborted] {
                totals.record(&receipt(key, Some("m"), outcome, (key == "a").then_some(1)));
            }
        }
        let sum = totals.sum();
        assert_eq!((sum.requests, sum.failed, sum.refused, sum.aborted, sum.unpriced), (12, 3, 3, 3, 8));
        assert_eq!((sum.nano_usd, totals.others().requests, totals.others().failed), (4, 8, 2));
    }
}
