//! `inferenceConfig` and `serviceTier`: the fields that are one number or a few words.

use super::reasoning::Plan;
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::{Raw, Text, write_u64};
use crate::translate::Dropped;
use crate::translate::capability::bedrock::Capabilities;
use crate::translate::encode::options::{Sampling, any_stops, limit, stops};
use crate::translate::encode::{Body, check};

/// What is asked for where thinking needs a limit, and neither the client, the host nor the model's name says one.
const DEFAULT_MAX_TOKENS: u64 = 8192;

/// How long the answer may be.
pub(super) struct Limit {
    tokens: Option<u64>,
    name: &'static str,
}

impl Limit {
    pub(super) fn read(chat: &ChatRequest, default: Option<u64>) -> Result<Self, ApiError> {
        Ok(match limit(chat)? {
            Some((tokens, name)) => Self { tokens: Some(tokens), name },
            None => Self { tokens: default, name: "max_completion_tokens" },
        })
    }

    /// The limit for a model that thinks with a budget, which must be smaller; and its name in the request.
    pub(super) fn with_budget(&self, most: Option<u64>) -> (u64, &'static str) {
        (self.tokens.unwrap_or_else(|| most.unwrap_or(DEFAULT_MAX_TOKENS)), self.name)
    }
}

/// `inferenceConfig`, which begins with its first member.
struct Config<'b> {
    body: &'b mut Body,
    any: bool,
}

impl Config<'_> {
    /// A member; its value must follow.
    fn member(&mut self, name: &str) -> &mut Body {
        if !std::mem::replace(&mut self.any, true) {
            self.body.field("inferenceConfig").put("{");
        }
        self.body.comma();
        self.body.put("\"");
        self.body.put(name);
        self.body.put("\":");
        self.body
    }
}

/// Writes `inferenceConfig`. What there is of `top_k` comes back: it has its place among the model's own fields.
pub(super) fn inference<'a>(
    body: &mut Body,
    chat: &'a ChatRequest,
    capabilities: &Capabilities,
    limit: &Limit,
    plan: Plan,
    dropped: &mut Dropped,
) -> Result<Option<&'a str>, ApiError> {
    let mut config = Config { body, any: false };
    if let Some(tokens) = plan.needs_limit().or(limit.tokens) {
        write_u64(&mut config.member("maxTokens").out, tokens);
    }
    let sampling = sampling(chat, capabilities, plan, dropped)?;
    for (name, value) in [("temperature", sampling.temperature), ("topP", sampling.top_p)] {
        if let Some(value) = value {
            config.member(name).put(value);
        }
    }
    let sequences = sequences(chat, capabilities)?;
    if !sequences.is_empty() {
        let body = config.member("stopSequences");
        body.put("[");
        for text in sequences {
            body.comma();
            body.quoted(text);
        }
        body.put("]");
    }
    if config.any {
        body.put("}");
    }
    Ok(sampling.top_k)
}

/// Claude's rules for Claude; the others take a temperature up to 1.
fn sampling<'a>(
    chat: &'a ChatRequest,
    capabilities: &Capabilities,
    plan: Plan,
    dropped: &mut Dropped,
) -> Result<Sampling<'a>, ApiError> {
    if let Some(claude) = capabilities.as_claude() {
        return Sampling::read(chat, claude.sampling, plan.thinks(), dropped);
    }
    let mut taken = Sampling { top_k: chat.given("top_k").map(Raw::text), ..Sampling::default() };
    if let Some(value) = chat.given("temperature") {
        let is_high = check::number(value, "temperature", 0.0..=2.0)? > 1.0;
        taken.temperature = Some(if is_high { "1" } else { value.text() });
        if is_high {
            dropped.push("temperature");
        }
    }
    if let Some(value) = chat.given("top_p") {
        check::number(value, "top_p", 0.0..=1.0)?;
        taken.top_p = Some(value.text());
    }
    Ok(taken)
}

fn sequences<'a>(chat: &'a ChatRequest, capabilities: &Capabilities) -> Result<Vec<Text<'a>>, ApiError> {
    let stop = chat.given("stop");
    let sequences = if capabilities.as_claude().is_some() { stops(stop)? } else { any_stops(stop)? };
    if !capabilities.stop_sequences && !sequences.is_empty() {
        return Err(ApiError::unsupported_parameter("stop"));
    }
    Ok(sequences)
}

/// `service_tier`. `auto` leaves the choice to Bedrock.
pub(super) fn service_tier(body: &mut Body, tier: Option<Raw<'_>>) -> Result<(), ApiError> {
    let Some(tier) = tier else { return Ok(()) };
    let tiers = ["auto", "default", "flex", "scale", "priority", "fast"];
    let tier = check::word(tier, "service_tier", &tiers)?;
    match tier {
        "auto" => {}
        "default" | "flex" | "priority" => {
            body.field("serviceTier").put(r#"{"type":"#);
            body.string(tier);
            body.put("}");
        }
        _ => {
            let reason = "for this model use 'auto', 'default', 'flex' or 'priority'.";
            return Err(ApiError::unsupported_value("service_tier", reason));
        }
    }
    Ok(())
}
