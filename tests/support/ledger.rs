//! A real store for suites, as plain as it can be: counters behind one lock, whose windows never refill.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tower_completions::BoxError;
use tower_completions::limit::{
    Admission, Allowance, Ask, Cost, Dimension, Left, LimitStore, Refusal, Reservation, Spending, Standing, Subject,
    SubjectKind,
};

#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<HashMap<(SubjectKind, Arc<str>), Used>>);

#[derive(Clone, Copy, Debug, Default)]
struct Used {
    cost: Cost,
    parallel: u64,
}

impl Used {
    fn add(&mut self, cost: Cost) {
        self.cost.requests += cost.requests;
        self.cost.tokens += cost.tokens;
        self.cost.nano_usd += cost.nano_usd;
    }

    fn take(&mut self, cost: Cost) {
        self.cost.requests -= cost.requests;
        self.cost.tokens -= cost.tokens;
        self.cost.nano_usd -= cost.nano_usd;
    }

    fn refusal(&self, subject: &Subject, asked: Cost) -> Option<Refusal> {
        let limits = &subject.limits;
        let rows = [
            (Dimension::Requests, limits.requests.map(|rate| rate.amount), self.cost.requests, asked.requests),
            (Dimension::Tokens, limits.tokens.map(|rate| rate.amount), self.cost.tokens, asked.tokens),
            (Dimension::Parallel, limits.parallel, self.parallel, 1),
            (Dimension::Budget, limits.budget.map(|budget| budget.nano_usd), self.cost.nano_usd, asked.nano_usd),
        ];
        let over = rows.into_iter().find(|(_, limit, used, asked)| limit.is_some_and(|limit| used + asked > limit));
        let (dimension, limit, used, asked) = over?;
        let rate = match dimension {
            Dimension::Requests => limits.requests,
            Dimension::Tokens => limits.tokens,
            _ => None,
        };
        let retry_after = rate.map(|rate| rate.window);
        let (kind, id) = (subject.kind, Arc::clone(&subject.id));
        Some(Refusal { kind, id, dimension, limit: limit.unwrap_or(0), used, asked, retry_after })
    }

    fn standing(&self, subject: &Subject) -> Standing {
        let limits = &subject.limits;
        let allowance =
            |limit: u64, used: u64, reset| Allowance { limit, remaining: limit.saturating_sub(used), reset };
        Standing {
            requests: limits.requests.map(|rate| allowance(rate.amount, self.cost.requests, rate.window)),
            tokens: limits.tokens.map(|rate| allowance(rate.amount, self.cost.tokens, rate.window)),
            parallel: limits.parallel.map(|limit| allowance(limit, self.parallel, Default::default())),
            budget: limits.budget.map(|budget| Spending {
                limit: budget.nano_usd,
                spent: self.cost.nano_usd,
                reset: None,
            }),
        }
    }
}

fn key(subject: &Subject) -> (SubjectKind, Arc<str>) {
    (subject.kind, Arc::clone(&subject.id))
}

fn left(standing: Standing) -> Left {
    Left { requests: standing.requests, tokens: standing.tokens }
}

impl LimitStore for Ledger {
    async fn admit(&self, ask: Ask) -> Result<Admission, BoxError> {
        let mut all = self.0.lock().unwrap();
        let used = |subject| all.get(&key(subject)).copied().unwrap_or_default();
        let refusal = ask.subjects.iter().find_map(|subject| used(subject).refusal(subject, ask.estimate));
        if let Some(refusal) = refusal.clone().filter(|_| ask.enforce) {
            let first = ask.subjects.first().map(|subject| left(used(subject).standing(subject)));
            return Ok(Admission::Refused { refusal, left: first.unwrap_or_default() });
        }
        for subject in &ask.subjects {
            let used = all.entry(key(subject)).or_default();
            used.add(ask.estimate);
            used.parallel += 1;
        }
        let first = ask.subjects.first().map(|subject| left(all[&key(subject)].standing(subject)));
        let reservation = Reservation { ask, token: 0, marks: Vec::new() };
        Ok(Admission::Admitted { reservation, left: first.unwrap_or_default(), overrun: refusal })
    }

    fn settle(&self, reservation: Reservation, actual: Cost) {
        let mut all = self.0.lock().unwrap();
        for subject in &reservation.ask.subjects {
            let used = all.entry(key(subject)).or_default();
            used.take(reservation.ask.estimate);
            used.add(actual);
            used.parallel -= 1;
        }
    }

    async fn standing(&self, subjects: Vec<Subject>) -> Result<Vec<Standing>, BoxError> {
        let all = self.0.lock().unwrap();
        let used = |subject: &Subject| all.get(&key(subject)).copied().unwrap_or_default();
        Ok(subjects.iter().map(|subject| used(subject).standing(subject)).collect())
    }
}
