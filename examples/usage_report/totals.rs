//! What is added up for each row.

use super::entry::{Entry, Outcome};
use super::histogram::Histogram;

/// The sums of some requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) requests: u64,
    outcomes: [u64; Outcome::COUNT],
    pub(crate) prompt: u128,
    pub(crate) cached: u128,
    pub(crate) cache_write: u128,
    pub(crate) completion: u128,
    pub(crate) reasoning: u128,
    /// Requests whose tokens the provider did not say, or not all of them.
    pub(crate) estimated: u64,
    /// In nano-dollars, of those requests whose cost is known.
    pub(crate) cost: u128,
    /// Requests whose cost is not known.
    pub(crate) unpriced: u64,
    pub(crate) duration: Histogram,
    pub(crate) first_byte: Histogram,
}

impl Totals {
    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        self.requests += 1;
        self.outcomes[entry.outcome as usize] += 1;
        self.prompt += u128::from(entry.prompt);
        self.cached += u128::from(entry.cached);
        self.cache_write += u128::from(entry.cache_write);
        self.completion += u128::from(entry.completion);
        self.reasoning += u128::from(entry.reasoning);
        self.estimated += u64::from(entry.estimated);
        match entry.cost {
            Some(nano) => self.cost += u128::from(nano),
            None => self.unpriced += 1,
        }
        // What is refused is over at once, and says nothing of how fast anybody is.
        if entry.outcome != Outcome::Refused {
            if let Some(micros) = entry.duration {
                self.duration.record(micros);
            }
            if let Some(micros) = entry.first_byte {
                self.first_byte.record(micros);
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        for (ours, theirs) in self.outcomes.iter_mut().zip(other.outcomes) {
            *ours += theirs;
        }
        self.prompt += other.prompt;
        self.cached += other.cached;
        self.cache_write += other.cache_write;
        self.completion += other.completion;
        self.reasoning += other.reasoning;
        self.estimated += other.estimated;
        self.cost += other.cost;
        self.unpriced += other.unpriced;
        self.duration.merge(&other.duration);
        self.first_byte.merge(&other.first_byte);
    }

    pub(crate) fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    pub(crate) fn tokens(&self) -> u128 {
        self.prompt + self.completion
    }

    /// The cost that is known, unless nothing of it is.
    pub(crate) fn known_cost(&self) -> Option<u128> {
        (self.cost > 0 || self.unpriced == 0).then_some(self.cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(outcome: &str, cost: &str, duration: u64) -> Totals {
        let line = format!(
            r#"{{"id":"","time":"2026-11-30T12:00:00Z","key":null,"model":"m","outcome":"{outcome}","prompt_tokens":5,"completion_tokens":2,"cost_usd":{cost},"duration_ms":{duration}}}"#
        );
        let mut totals = Totals::default();
        totals.add(&Entry::read(line.as_bytes()).unwrap());
        totals
    }

    #[test]
    fn sums_are_sums() {
        let mut totals = entry("complete", "\"0.000000001\"", 100);
        totals.merge(&entry("failed", "\"18446744073.709551615\"", 300));
        totals.merge(&entry("refused", "\"0\"", 0));
        assert_eq!((totals.requests, totals.tokens(), totals.cost), (3, 21, 1 + u128::from(u64::MAX)));
        assert_eq!((totals.outcome(Outcome::Failed), totals.outcome(Outcome::Aborted)), (1, 0));
        assert_eq!(totals.duration.quantile(1), Some(100_000), "what was refused has no time");
    }

    #[test]
    fn an_unknown_cost_is_no_zero() {
        let mut totals = entry("complete", "null", 1);
        assert_eq!(totals.known_cost(), None);
        totals.merge(&entry("refused", "\"0\"", 1));
        assert_eq!((totals.known_cost(), totals.unpriced), (None, 1));
        totals.merge(&entry("complete", "\"1\"", 1));
        assert_eq!((totals.known_cost(), totals.unpriced), (Some(1_000_000_000), 1));
        assert_eq!(entry("refused", "\"0\"", 1).known_cost(), Some(0));
    }
}
