//! What a request may cost, before anybody knows.

use std::sync::Arc;

use super::learned::Slot;
use super::limiter::Limiter;
use super::store::{Cost, Subject};
use crate::auth::{ModelFilter, Principal};
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::price::Price;
use crate::usage::Usage;

/// What was assumed of a request, and is needed again when it has been answered.
#[derive(Clone, Debug)]
pub(super) struct Estimate {
    /// The tokens of the prompt.
    pub(super) prompt: u64,
    /// The tokens of the answer: of all its choices.
    pub(super) output: u64,
    /// How many choices were asked for.
    choices: u64,
    /// The model that was asked for.
    pub(super) model: Arc<str>,
    /// Its price.
    pub(super) price: Option<Price>,
    slot: Slot,
}

impl Estimate {
    pub(super) fn new(limiter: &Limiter, chat: &ChatRequest, caller: &str) -> Self {
        let model = chat.model_id();
        let slot = limiter.learned.slot(caller, model);
        let choices = chat.given("n").and_then(|n| n.as_u64()).unwrap_or(1).max(1);
        let each = output_cap(chat).or_else(|| limiter.learned.get(slot)).unwrap_or(limiter.default_output);
        Self {
            prompt: chat.estimated_prompt_tokens(),
            output: each.saturating_mul(choices),
            choices,
            model: Arc::clone(model),
            price: limiter.prices.get(model),
            slot,
        }
    }

    /// What is reserved.
    pub(super) fn cost(&self) -> Cost {
        cost(&Usage { input: self.prompt, output: self.output, ..Usage::default() }, self.price.as_ref())
    }

    /// What is paid for a prompt that was sent and never answered.
    pub(super) fn prompt_cost(&self) -> Cost {
        cost(&Usage { input: self.prompt, ..Usage::default() }, self.price.as_ref())
    }

    /// Remembers how long a complete answer was.
    pub(super) fn learn(&self, limiter: &Limiter, usage: &Usage) {
        limiter.learned.learn(self.slot, usage.completion_tokens() / self.choices);
    }
}

/// One request of these tokens. Without a price the money is 0, which only those without a budget may have.
pub(super) fn cost(usage: &Usage, price: Option<&Price>) -> Cost {
    Cost { requests: 1, tokens: usage.total_tokens(), nano_usd: price.map_or(0, |price| price.cost(usage)) }
}

/// How many tokens one choice may have, if the client says so.
fn output_cap(chat: &ChatRequest) -> Option<u64> {
    ["max_completion_tokens", "max_tokens"].into_iter().find_map(|field| chat.given(field)?.as_u64())
}

/// Whether somebody's budget applies that cannot be charged.
pub(super) fn is_unpriced(estimate: &Estimate, subjects: &[Subject]) -> bool {
    estimate.price.is_none() && subjects.iter().any(|subject| subject.limits.budget.is_some())
}

/// A budget refuses what it cannot price. A model that the caller may not use at all looks like one that is not there,
/// here as in the router.
pub(super) fn unpriced(model: &str, known: &ModelFilter, principal: Option<&Principal>) -> ApiError {
    if !known.allows(model) || principal.is_some_and(|principal| !principal.models.allows(model)) {
        return ApiError::model_not_found(model);
    }
    let message =
        format!("The model '{model}' has no known price here. With a budget, only models with a price can be used.");
    ApiError::new(http::StatusCode::FORBIDDEN, "invalid_request_error", message)
        .with_param("model")
        .with_code("model_not_priced")
}

#[cfg(test)]
mod tests {
    use super::super::testing::Script;
    use super::*;
    use crate::clock::SystemClock;

    fn limiter() -> Limiter {
        let mut limiter = Limiter::new(Script::default(), 500, Arc::new(SystemClock::new()));
        limiter.prices = crate::price::PriceBook::from_prices([("m", Price::per_million(1.0, 10.0).unwrap())]);
        limiter
    }

    fn estimate(limiter: &Limiter, more: &str) -> Estimate {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}]{more}}}"#);
        Estimate::new(limiter, &ChatRequest::from_bytes(body).unwrap(), "alice")
    }

    #[test]
    fn the_output_is_what_the_client_allows_for_each_choice() {
        let limiter = limiter();
        for (more, output) in [
            ("", 500),
            (r#","max_tokens":7"#, 7),
            (r#","max_tokens":7,"max_completion_tokens":9"#, 9),
            (r#","max_tokens":7,"max_completion_tokens":null"#, 7),
            (r#","max_tokens":7.0,"n":128"#, 7 * 128),
            (r#","n":3"#, 1500),
            (r#","n":0"#, 500),
            (r#","max_tokens":18446744073709551615,"n":2"#, u64::MAX),
        ] {
            let estimate = estimate(&limiter, more);
            assert_eq!(estimate.output, output, "{more}");
            assert_eq!(estimate.cost().tokens, output.saturating_add(estimate.prompt));
        }
    }

    #[test]
    fn what_was_answered_is_what_is_expected() {
        let limiter = limiter();
        estimate(&limiter, r#","n":2"#).learn(&limiter, &Usage { output: 80, reasoning: 20, ..Usage::default() });
        assert_eq!(estimate(&limiter, "").output, 50);
        assert_eq!(estimate(&limiter, r#","n":3"#).output, 150);
        assert_eq!(estimate(&limiter, r#","max_tokens":9"#).output, 9);
    }

    #[test]
    fn money_is_the_estimate_at_the_models_price() {
        let estimate = estimate(&limiter(), r#","max_tokens":3"#);
        assert_eq!(estimate.cost().nano_usd, estimate.prompt * 1_000 + 3 * 10_000);
        assert_eq!(
            estimate.prompt_cost(),
            Cost { requests: 1, tokens: estimate.prompt, nano_usd: estimate.prompt * 1_000 }
        );
    }

    #[test]
    fn a_model_that_one_may_not_use_is_not_told_of() {
        let bob = Principal::new("bob").models(ModelFilter::new(["gpt-*"]));
        for (model, status, code) in [("gpt-9", 403, "model_not_priced"), ("opus", 404, "model_not_found")] {
            let error = unpriced(model, &ModelFilter::all(), Some(&bob));
            assert_eq!((error.status().as_u16(), error.code(), error.param()), (status, Some(code), Some("model")));
            assert!(error.message().contains(model));
        }
        assert_eq!(unpriced("opus", &ModelFilter::all(), None).status(), 403);
        assert_eq!(unpriced("opus", &ModelFilter::new(["haiku"]), None).status(), 404);
    }
}
