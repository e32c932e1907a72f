//! From what was seen of a request to its receipt.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::guard::{Head, MAX_TEXT, Open};
use super::reason::{CLIENT_ABORTED, INTERNAL_ERROR, reason, short};
use super::receipt::{Outcome, Receipt, Try};
use crate::error::ApiError;
use crate::price::{Bill, PriceBook};
use crate::usage::{Observed, Tried, Usage, UsageSource};

/// How a request ended.
pub(super) enum End<'a> {
    /// With the end of the answer, whatever it was.
    Over,
    /// With an error instead of an answer, or inside one.
    Failed(&'a ApiError),
    /// The client left.
    Left,
    /// With a panic somewhere inside.
    Panicked,
}

/// How long the code of an error may be, in characters.
const MAX_CODE: usize = 128;

/// Completes the receipt.
pub(super) fn settle(open: &mut Open, end: End<'_>, since: Duration) {
    let Open { meter, receipt, attempts, prompt, head, left } = open;
    receipt.duration = left.unwrap_or(since);
    if let End::Failed(error) = &end {
        attempts.failed(error);
        if let Some(cell) = head.as_ref().and_then(|head| head.answered.cell.as_ref()) {
            cell.record(|seen| {
                if seen.failure.is_none() {
                    seen.fail(error);
                }
            });
        }
    }

    let mut tries = Tries::default();
    let mut serving = 0;
    attempts.each_tried(&receipt.model, head.as_ref().map(|head| &head.answered), |one| {
        let made = one.cell.look(|seen| {
            if one.is_serving {
                let text = |text: &Option<String>, characters| text.as_deref().map(|text| short(text, characters));
                receipt.upstream_model = text(&seen.model, MAX_TEXT);
                receipt.finish_reason = text(&seen.finish_reason, MAX_CODE);
                serving = tries.count();
            }
            tried(&one, seen, *prompt, &meter.prices)
        });
        tries.add(made);
    });
    let tries = tries.finish();
    receipt.usage = tries.iter().fold(Usage::default(), |sum, tried| sum.plus(&tried.usage));
    receipt.usage_source = tries.iter().map(|tried| tried.usage_source).fold(UsageSource::None, least_certain);
    receipt.cost = tries.iter().try_fold(0_u64, |sum, tried| Some(sum.saturating_add(tried.cost?)));
    let served = tries.get(serving);
    if let Some(tried) = served {
        receipt.provider = tried.provider.clone();
        receipt.served_model = Some(Arc::clone(&tried.model));
        receipt.price = tried.price.clone();
    }
    let failure = served.and_then(|tried| tried.error_code.clone());
    let was_tried = !tries.is_empty();
    receipt.tries = tries;
    let (head, is_drained) = (head.as_ref(), left.is_some());
    conclude(receipt, &Story { end, head, failure: failure.as_deref(), was_tried, is_drained });
}

/// All attempts. There is hardly ever more than one.
#[derive(Default)]
struct Tries {
    before: Vec<Try>,
    last: Option<Try>,
}

impl Tries {
    fn count(&self) -> usize {
        self.before.len() + usize::from(self.last.is_some())
    }

    fn add(&mut self, tried: Try) {
        self.before.extend(self.last.replace(tried));
    }

    fn finish(mut self) -> Arc<[Try]> {
        match self.last {
            None => Arc::default(),
            Some(only) if self.before.is_empty() => Arc::new([only]),
            Some(last) => {
                self.before.push(last);
                self.before.into()
            }
        }
    }
}

fn tried(attempt: &Tried<'_>, seen: &Observed, prompt: u64, prices: &PriceBook) -> Try {
    let (usage, usage_source) = attempt.settled_as(seen, prompt);
    let Bill { price, cost } = prices.bill(attempt.model, &usage);
    let failure = seen.failure.as_deref();
    Try {
        provider: (!attempt.provider.is_empty()).then(|| Arc::clone(attempt.provider)),
        model: Arc::clone(attempt.model),
        status: attempt.status,
        reason: failure.map(|code| reason(code, attempt.status).into()),
        error_code: failure.map(|code| short(code, MAX_CODE)),
        usage,
        usage_source,
        price,
        cost,
    }
}

/// Of two sources the less certain one; where nothing was used, nothing is uncertain.
fn least_certain(one: UsageSource, other: UsageSource) -> UsageSource {
    let doubt = |source| match source {
        UsageSource::None => 0,
        UsageSource::Reported => 1,
        UsageSource::Partial => 2,
        UsageSource::Estimated => 3,
    };
    if doubt(other) > doubt(one) { other } else { one }
}

/// What an outcome is concluded from.
struct Story<'a> {
    end: End<'a>,
    head: Option<&'a Head>,
    /// What the attempt that served says of its failure.
    failure: Option<&'a str>,
    was_tried: bool,
    is_drained: bool,
}

/// Writes how it ended: status, outcome, reason.
fn conclude(receipt: &mut Receipt, story: &Story<'_>) {
    let has_head = story.head.is_some() && !(story.is_drained && receipt.first_byte.is_none());
    let is_success = has_head && receipt.status.is_success();
    let code = match (&story.end, &story.head) {
        (End::Failed(error), _) => Some(error.reason().or(error.code()).unwrap_or(error.kind())),
        (_, Some(Head { error: Some(error), .. })) => Some(&*error.0),
        _ => None,
    };
    let code = story.failure.or(code);
    let has_failed = !is_success || code.is_some();
    receipt.outcome = match &story.end {
        _ if story.is_drained => Outcome::Aborted,
        End::Left if !has_head => Outcome::Aborted,
        End::Left if story.failure.is_none() => Outcome::Aborted,
        End::Panicked => Outcome::Failed,
        End::Over if !has_failed => Outcome::Complete,
        End::Over | End::Left | End::Failed(_) => {
            if !has_head {
                receipt.status = match &story.end {
                    End::Failed(error) => error.status(),
                    _ => receipt.status,
                };
            }
            if story.was_tried || !is_refusal(receipt.status) { Outcome::Failed } else { Outcome::Refused }
        }
    };
    if !has_head && receipt.outcome == Outcome::Aborted {
        receipt.status = CLIENT_CLOSED_REQUEST;
    }
    let is_panic = matches!(story.end, End::Panicked) && !story.is_drained;
    let word = match receipt.outcome {
        Outcome::Complete => return,
        Outcome::Aborted => Some(CLIENT_ABORTED),
        Outcome::Failed if is_panic => Some(INTERNAL_ERROR),
        Outcome::Failed => code.map(|code| reason(code, Some(receipt.status))).or(Some("upstream_error")),
        Outcome::Refused => code,
    };
    receipt.reason = word.map(|word| short(word, MAX_CODE));
    if receipt.outcome != Outcome::Aborted {
        receipt.error_code =
            if is_panic { Some(INTERNAL_ERROR.into()) } else { code.map(|code| short(code, MAX_CODE)) };
    }
}

/// nginx's word for it; nobody sees it but the ledger.
const CLIENT_CLOSED_REQUEST: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

/// Whether an error that no provider caused says that we did not want to, rather than that we could not.
fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE
}
