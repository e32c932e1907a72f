//! The scripts, what they are told and what they answer.

use std::time::Duration;

use redis::{FromRedisValue, Pipeline, Script, ScriptInvocation, Value};

use super::queue::Settlement;

use crate::auth::{BudgetWindow, Rate};
use crate::limit::budget::Spent;
use crate::limit::store::{
    Admission, Allowance, Ask, Cost, Dimension, Left, Refusal, Reservation, Spending, Standing, Subject, SubjectKind,
};

/// The two scripts; each has the common part before it.
pub(super) struct Scripts {
    admit: Script,
    settle: Script,
}

/// The most that one request is charged: a billion dollars. Redis adds in 64 bits with a sign.
const MAX_NANO_USD: u64 = 1_000_000_000_000_000_000;

/// What the admission script is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Enforce,
    Count,
    Peek,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let common = include_str!("account.lua");
        Self {
            admit: Script::new(&[common, include_str!("admit.lua")].concat()),
            settle: Script::new(&[common, include_str!("settle.lua")].concat()),
        }
    }

    pub(super) fn admit(
        &self,
        prefix: &str,
        mode: Mode,
        ask: &Ask,
        lease: u64,
        lasts: Duration,
    ) -> ScriptInvocation<'_> {
        let mut call = self.admit.prepare_invoke();
        call.arg(match mode {
            Mode::Enforce => "enforce",
            Mode::Count => "count",
            Mode::Peek => "peek",
        });
        call.arg(ask.estimate.requests).arg(ask.estimate.tokens).arg(ask.estimate.nano_usd);
        call.arg(lease.to_string()).arg(micros(lasts));
        for subject in &ask.subjects {
            push_subject(&mut call, &keys(prefix, subject)[..2], subject);
        }
        call
    }

    /// Adds settlements to a pipeline; the script goes first, in case Redis has forgotten it.
    pub(super) fn settle_all<'a>(
        &self,
        prefix: &str,
        settlements: impl Iterator<Item = &'a Settlement>,
        pipe: &mut Pipeline,
    ) {
        pipe.load_script(&self.settle).ignore();
        for (reservation, actual) in settlements.filter(|(reservation, _)| !reservation.ask.subjects.is_empty()) {
            pipe.invoke_script(&self.settle(prefix, reservation, actual)).ignore();
        }
    }

    fn settle(&self, prefix: &str, reservation: &Reservation, actual: &Cost) -> ScriptInvocation<'_> {
        let mut call = self.settle.prepare_invoke();
        let reserved = &reservation.ask.estimate;
        call.arg(reservation.token.to_string()).arg(reserved.requests).arg(reserved.tokens);
        call.arg(actual.requests).arg(actual.tokens).arg(actual.nano_usd.min(MAX_NANO_USD));
        for (at, subject) in reservation.ask.subjects.iter().enumerate() {
            push_subject(&mut call, &keys(prefix, subject), subject);
            call.arg(reservation.marks.get(at).map_or(0, |[_, tokens]| *tokens));
        }
        call
    }
}

/// The keys of a subject: its hash, the leases of its answers in progress, and what was settled lately. The kind of a key
/// stands before the id, which may be any text.
pub(super) fn keys(prefix: &str, subject: &Subject) -> [String; 3] {
    let kind = match subject.kind {
        SubjectKind::Caller => "caller",
        SubjectKind::Scope => "scope",
    };
    ["", "leases:", "settled:"].map(|what| format!("{prefix}:{what}{kind}:{}", subject.id))
}

fn push_subject(call: &mut ScriptInvocation<'_>, keys: &[String], subject: &Subject) {
    for key in keys {
        call.key(key);
    }
    let limits = &subject.limits;
    for rate in [limits.requests, limits.tokens] {
        push_rate(call, rate);
    }
    call.arg(limits.parallel.map(|limit| limit.to_string()).unwrap_or_default());
    call.arg(limits.budget.map(|budget| budget.nano_usd.to_string()).unwrap_or_default());
    call.arg(match limits.budget.map(|budget| budget.window) {
        Some(BudgetWindow::Day) => "d",
        Some(BudgetWindow::Month) => "m",
        Some(BudgetWindow::Total) => "t",
        None => "",
    });
}

fn push_rate(call: &mut ScriptInvocation<'_>, rate: Option<Rate>) {
    match rate {
        Some(rate) => call.arg(rate.amount).arg(micros(rate.window)),
        None => call.arg("").arg(""),
    };
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What a subject has used, as the admission script says it.
struct Used {
    requests: f64,
    tokens: f64,
    running: u64,
    nano_usd: u64,
    mark: f64,
}

/// An answer that does not have the shape that the scripts give it: another program writes to these keys.
#[derive(Debug)]
pub(super) struct Unreadable;

impl Used {
    fn read(value: &Value) -> Result<Self, Unreadable> {
        let (requests, tokens, running, nano_usd, mark) = read::<(String, String, u64, String, String)>(value)?;
        Ok(Self {
            requests: number(&requests)?,
            tokens: number(&tokens)?,
            running,
            nano_usd: nano_usd.parse().map_err(|_| Unreadable)?,
            mark: number(&mark)?,
        })
    }

    fn standing(&self, subject: &Subject, now: Duration) -> Standing {
        let limits = &subject.limits;
        Standing {
            requests: limits.requests.map(|rate| allowance(rate, self.requests)),
            tokens: limits.tokens.map(|rate| allowance(rate, self.tokens)),
            parallel: limits.parallel.map(|limit| Allowance {
                limit,
                remaining: limit.saturating_sub(self.running),
                reset: Duration::ZERO,
            }),
            budget: limits.budget.map(|budget| Spending {
                limit: budget.nano_usd,
                spent: self.nano_usd,
                reset: Spent::reset(budget, now),
            }),
        }
    }
}

/// How much is left of a rate at this level.
fn allowance(rate: Rate, level: f64) -> Allowance {
    let reset = match rate.amount {
        0 => rate.window,
        amount => Duration::try_from_secs_f64(level.max(0.0) / amount as f64 * rate.window.as_secs_f64())
            .unwrap_or(Duration::MAX),
    };
    // `as` rounds down and stops at zero.
    Allowance { limit: rate.amount, remaining: (rate.amount as f64 - level + 1e-6) as u64, reset }
}

/// Reads what the admission script answered about an ask.
pub(super) fn admission(answer: &Value, ask: Ask, lease: u64, now: Duration) -> Result<Admission, Unreadable> {
    let Value::Array(parts) = answer else { return Err(Unreadable) };
    let [admitted, refusal, subjects @ ..] = &parts[..] else { return Err(Unreadable) };
    let used = subjects.iter().map(Used::read).collect::<Result<Vec<_>, _>>()?;
    let refusal = read_refusal(refusal, &ask)?;
    let mut left = Left::default();
    for (subject, used) in ask.subjects.iter().zip(&used) {
        let standing = used.standing(subject, now);
        left.requests = Allowance::fewer(left.requests, standing.requests);
        left.tokens = Allowance::fewer(left.tokens, standing.tokens);
    }
    match refusal {
        Some(refusal) if read::<u64>(admitted)? == 0 => Ok(Admission::Refused { refusal, left }),
        overrun => {
            let marks = used.iter().map(|used| [0, used.mark as u64]).collect();
            Ok(Admission::Admitted { reservation: Reservation { ask, token: lease, marks }, left, overrun })
        }
    }
}

/// Reads how some subjects stand.
pub(super) fn standings(answer: &Value, subjects: &[Subject], now: Duration) -> Result<Vec<Standing>, Unreadable> {
    let Value::Array(parts) = answer else { return Err(Unreadable) };
    let used = parts.iter().skip(2);
    subjects.iter().zip(used).map(|(subject, used)| Ok(Used::read(used)?.standing(subject, now))).collect()
}

fn read_refusal(value: &Value, ask: &Ask) -> Result<Option<Refusal>, Unreadable> {
    if matches!(value, Value::Array(parts) if parts.is_empty()) {
        return Ok(None);
    }
    let (place, dimension, used, wait) = read::<(usize, String, String, String)>(value)?;
    let subject = place.checked_sub(1).and_then(|at| ask.subjects.get(at)).ok_or(Unreadable)?;
    let limits = &subject.limits;
    let (dimension, limit, asked) = match dimension.as_str() {
        "r" => (Dimension::Requests, limits.requests.map(|rate| rate.amount), ask.estimate.requests),
        "t" => (Dimension::Tokens, limits.tokens.map(|rate| rate.amount), ask.estimate.tokens),
        "p" => (Dimension::Parallel, limits.parallel, 1),
        "b" => (Dimension::Budget, limits.budget.map(|budget| budget.nano_usd), ask.estimate.nano_usd),
        _ => return Err(Unreadable),
    };
    let wait = number(&wait)?;
    let used = match dimension {
        Dimension::Budget | Dimension::Parallel => used.parse().map_err(|_| Unreadable)?,
        _ => number(&used)?.ceil() as u64,
    };
    Ok(Some(Refusal {
        kind: subject.kind,
        id: subject.id.clone(),
        dimension,
        limit: limit.ok_or(Unreadable)?,
        used,
        asked,
        retry_after: (wait >= 0.0).then(|| Duration::from_micros(wait as u64)),
    }))
}

fn read<T: FromRedisValue>(value: &Value) -> Result<T, Unreadable> {
    redis::from_redis_value(value.clone()).map_err(|_| Unreadable)
}

fn number(text: &str) -> Result<f64, Unreadable> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_rate_follows_from_its_level() {
        let rate = Rate { amount: 20, window: Duration::from_secs(60) };
        for (level, remaining, reset) in [(0.0, 20, 0), (5.0, 15, 15), (4.5, 15, 13), (20.0, 0, 60), (40.0, 0, 120)] {
            let left = allowance(rate, level);
            assert_eq!((left.limit, left.remaining, left.reset.as_secs()), (20, remaining, reset), "{level}");
        }
        let nothing = allowance(Rate { amount: 0, ..rate }, 0.0);
        assert_eq!((nothing.remaining, nothing.reset), (0, rate.window));
    }
}
