//! The text of `GET /v1/usage`.

use std::time::Duration;

use super::store::{Allowance, Spending, Standing, Subject, SubjectKind};
use crate::auth::BudgetWindow;
use crate::decimal::usd;
use crate::json::{write_str, write_u64};

/// The caller, which comes first, with the scopes that follow it inside.
pub(super) fn write_report<'a>(subjects: impl Iterator<Item = (&'a Subject, Standing)>, now: Duration) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let mut scopes = Vec::new();
    for (subject, standing) in subjects {
        match subject.kind {
            SubjectKind::Caller => write_subject(&mut out, subject, &standing, now),
            SubjectKind::Scope => {
                if !scopes.is_empty() {
                    scopes.push(b',');
                }
                write_subject(&mut scopes, subject, &standing, now);
                scopes.push(b'}');
            }
        }
    }
    out.extend_from_slice(br#","scopes":["#);
    out.extend_from_slice(&scopes);
    out.extend_from_slice(b"]}");
    out
}

/// An object that is left open.
fn write_subject(out: &mut Vec<u8>, subject: &Subject, standing: &Standing, now: Duration) {
    out.extend_from_slice(br#"{"object":"#);
    write_str(out, subject.kind.object());
    if subject.kind == SubjectKind::Caller {
        number(out, "created", now.as_secs());
    }
    text(out, "id", &subject.id);
    for (name, standing, rate) in
        [("requests", standing.requests, subject.limits.requests), ("tokens", standing.tokens, subject.limits.tokens)]
    {
        optional(out, name, standing, |out, allowance| {
            allowed(out, &allowance);
            if let Some(rate) = rate {
                key(out, "window_seconds");
                out.extend_from_slice(rate.window.as_secs_f64().to_string().as_bytes());
            }
            number(out, "reset_at", at(now, allowance.reset));
        });
    }
    optional(out, "parallel", standing.parallel, |out, allowance| allowed(out, &allowance));
    optional(out, "budget", standing.budget, |out, spending| {
        budget(out, &spending, subject.limits.budget.map(|budget| budget.window), now);
    });
}

fn allowed(out: &mut Vec<u8>, allowance: &Allowance) {
    out.extend_from_slice(br#""limit":"#);
    write_u64(out, allowance.limit);
    number(out, "remaining", allowance.remaining);
}

fn budget(out: &mut Vec<u8>, spending: &Spending, window: Option<BudgetWindow>, now: Duration) {
    out.extend_from_slice(br#""limit_usd":"#);
    write_str(out, &usd(spending.limit));
    text(out, "spent_usd", &usd(spending.spent));
    text(out, "remaining_usd", &usd(spending.limit.saturating_sub(spending.spent)));
    if let Some(window) = window {
        text(out, "window", window_name(window));
    }
    key(out, "reset_at");
    match spending.reset {
        Some(reset) => write_u64(out, at(now, reset)),
        None => out.extend_from_slice(b"null"),
    }
}

fn window_name(window: BudgetWindow) -> &'static str {
    match window {
        BudgetWindow::Day => "day",
        BudgetWindow::Month => "month",
        BudgetWindow::Total => "total",
    }
}

/// The first whole second that is not before that moment.
fn at(now: Duration, reset: Duration) -> u64 {
    let moment = now.saturating_add(reset);
    moment.as_secs().saturating_add(u64::from(moment.subsec_nanos() > 0))
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.push(b',');
    write_str(out, name);
    out.push(b':');
}

fn number(out: &mut Vec<u8>, name: &str, number: u64) {
    key(out, name);
    write_u64(out, number);
}

fn text(out: &mut Vec<u8>, name: &str, text: &str) {
    key(out, name);
    write_str(out, text);
}

fn optional<T>(out: &mut Vec<u8>, name: &str, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    key(out, name);
    match value {
        Some(value) => {
            out.push(b'{');
            write(out, value);
            out.push(b'}');
        }
        None => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::{Budget, Limits, Rate};

    #[test]
    fn figures_are_numbers_money_is_text_and_nothing_is_null() {
        let limits = Limits::new()
            .requests_per_minute(60)
            .tokens(Rate::new(7, Duration::from_millis(1500)))
            .parallel(4)
            .budget(Budget::per_month_usd(10.0));
        let allowance = Allowance { limit: 60, remaining: 59, reset: Duration::from_millis(900) };
        let standing = Standing {
            requests: Some(allowance),
            tokens: Some(allowance),
            parallel: Some(allowance),
            budget: Some(Spending { limit: 10_000_000_000, spent: 321_000, reset: None }),
        };
        let alice = Subject { kind: SubjectKind::Caller, id: "al\"ice".into(), limits };
        let team = |id: &str| Subject { kind: SubjectKind::Scope, id: id.into(), limits: Limits::new() };
        let scopes = [team("one"), team("two")];
        let all = [(&alice, standing), (&scopes[0], Standing::default()), (&scopes[1], Standing::default())];
        let report: Value =
            serde_json::from_slice(&write_report(all.into_iter(), Duration::from_millis(1_000_200))).unwrap();
        let scope = |id| json!({"object": "usage.scope", "id": id, "requests": null, "tokens": null, "parallel": null, "budget": null});
        assert_eq!(
            report,
            json!({
                "object": "usage", "created": 1000, "id": "al\"ice",
                "requests": {"limit": 60, "remaining": 59, "window_seconds": 60, "reset_at": 1002},
                "tokens": {"limit": 60, "remaining": 59, "window_seconds": 1.5, "reset_at": 1002},
                "parallel": {"limit": 60, "remaining": 59},
                "budget": {"limit_usd": "10", "spent_usd": "0.000321", "remaining_usd": "9.999679", "window": "month", "reset_at": null},
                "scopes": [scope("one"), scope("two")],
            })
        );
    }
}
