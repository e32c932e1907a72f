//! What happens to an ask while Redis is away.

use super::options::{OnStoreError, RedisOptions};
use crate::auth::{Limits, Rate};
use crate::limit::store::Ask;

/// What is left of an ask for this process to decide; `None` where nobody may be let in.
pub(super) fn local(options: &RedisOptions, ask: &Ask) -> Option<Ask> {
    let mut ask = ask.clone();
    for subject in &mut ask.subjects {
        let limits = subject.limits;
        let counted = Limits { budget: None, ..limits };
        let counted = match options.on_store_error {
            OnStoreError::Closed if !counted.is_unlimited() => return None,
            OnStoreError::Open | OnStoreError::Closed => Limits::new(),
            OnStoreError::Local => share(counted, options.replicas),
        };
        let budget = match options.budget_on_store_error {
            OnStoreError::Closed if limits.budget.is_some() => return None,
            OnStoreError::Open | OnStoreError::Closed => None,
            OnStoreError::Local => limits.budget.map(|mut budget| {
                budget.nano_usd = part(budget.nano_usd, options.replicas);
                budget
            }),
        };
        subject.limits = counted.budget(budget);
    }
    Some(ask)
}

/// The part of one of so many processes.
fn share(limits: Limits, replicas: u64) -> Limits {
    let rate = |rate: Rate| Rate { amount: part(rate.amount, replicas), ..rate };
    limits
        .requests(limits.requests.map(rate))
        .tokens(limits.tokens.map(rate))
        .parallel(limits.parallel.map(|answers| part(answers, replicas)))
}

/// One at the least, unless there is none at all.
fn part(amount: u64, replicas: u64) -> u64 {
    amount.div_ceil(replicas).min(amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Budget;
    use crate::limit::store::{Cost, Subject};

    fn decide(options: RedisOptions, limits: Limits) -> Option<Limits> {
        let ask = Ask { subjects: vec![Subject::caller("x", limits)], estimate: Cost::default(), enforce: true };
        local(&options, &ask).map(|ask| ask.subjects[0].limits)
    }

    #[test]
    fn each_kind_of_limit_does_as_it_was_told() {
        let limits = Limits::new().requests_per_minute(10).parallel(1).budget(Budget::total_usd(9.0));
        let rates = Limits::new().requests_per_minute(10).parallel(1);
        let options = || RedisOptions::new().replicas(3);
        let (open, local) = (OnStoreError::Open, OnStoreError::Local);
        assert_eq!(decide(options(), limits), None, "budgets are closed by default");
        let third = Limits::new().requests_per_minute(4).parallel(1);
        assert_eq!(decide(options(), rates), Some(third));
        assert_eq!(decide(options().budget_on_store_error(open), limits), Some(third));
        assert_eq!(decide(options().budget_on_store_error(local), limits), Some(third.budget(Budget::total_usd(3.0))));
        assert_eq!(decide(options().on_store_error(open), rates), Some(Limits::new()));
        assert_eq!(decide(options().on_store_error(OnStoreError::Closed), rates), None);
        let money = Limits::new().budget(Budget::total_usd(9.0));
        let closed = options().on_store_error(OnStoreError::Closed).budget_on_store_error(open);
        assert_eq!(decide(closed, money), Some(Limits::new()), "only what is concerned is closed");
        assert_eq!(decide(options(), Limits::new().requests_per_minute(0)), Some(Limits::new().requests_per_minute(0)));
    }
}
