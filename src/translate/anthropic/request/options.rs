//! The fields that are one number or one word.

use super::body::Body;
use super::thinking::Plan;
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};
use crate::translate::Dropped;
use crate::translate::capability::claude::{Capabilities, Sampling};
use crate::translate::encode::check;

/// What is asked for where neither the client, the host nor the model's name says how long an answer may be.
const DEFAULT_MAX_TOKENS: u64 = 8192;

/// How many strings `stop` may hold.
const MAX_STOPS: usize = 4;

/// The longest `metadata.user_id`.
const MAX_USER: usize = 256;

/// `max_tokens`, which Anthropic demands, and what the client calls it.
pub(super) fn max_tokens(
    chat: &ChatRequest,
    default: Option<u64>,
    capabilities: &Capabilities,
) -> Result<(u64, &'static str), ApiError> {
    let mut found = None;
    for name in ["max_tokens", "max_completion_tokens"] {
        if let Some(value) = chat.given(name) {
            found = Some((check::whole(value, name, 1..=u64::MAX)?, name));
        }
    }
    let most = capabilities.max_output;
    let default = default
        .map_or_else(|| most.unwrap_or(DEFAULT_MAX_TOKENS), |default| most.map_or(default, |most| default.min(most)));
    Ok(found.unwrap_or((default, "max_completion_tokens")))
}

/// `temperature`, `top_p` and `top_k`, as far as the model takes them.
pub(super) fn sampling(
    body: &mut Body,
    chat: &ChatRequest,
    capabilities: &Capabilities,
    plan: Plan,
    dropped: &mut Dropped,
) -> Result<(), ApiError> {
    let set = |name, max| match chat.given(name) {
        Some(value) => check::number(value, name, 0.0..=max).map(|number| Some((value, number))),
        None => Ok(None),
    };
    let (temperature, top_p) = (set("temperature", 2.0)?, set("top_p", 1.0)?);
    // A model that thinks takes no temperature but 1, no `top_k`, and a `top_p` of 0.95 at the least.
    let fixed = capabilities.sampling == Sampling::Fixed;
    let mut has_temperature = false;
    if let Some((value, number)) = temperature {
        if fixed || plan.thinks() {
            if number != 1.0 {
                dropped.push("temperature");
            }
        } else {
            has_temperature = true;
            body.field("temperature").put(if number > 1.0 { "1" } else { value.text() });
            if number > 1.0 {
                dropped.push("temperature");
            }
        }
    }
    if let Some((value, number)) = top_p {
        let excluded = capabilities.sampling == Sampling::One && has_temperature;
        if fixed || excluded || plan.thinks() && number < 0.95 {
            if number != 1.0 {
                dropped.push("top_p");
            }
        } else {
            body.field("top_p").put(value.text());
        }
    }
    if let Some(value) = chat.given("top_k") {
        if fixed || plan.thinks() {
            dropped.push("top_k");
        } else {
            body.field("top_k").put(value.text());
        }
    }
    Ok(())
}

/// `stop` as `stop_sequences`.
pub(super) fn stop(body: &mut Body, stop: Option<Raw<'_>>) -> Result<(), ApiError> {
    let Some(stop) = stop else { return Ok(()) };
    if stop.elements().count() > MAX_STOPS {
        return Err(ApiError::invalid_value("stop", format!("use at most {MAX_STOPS} strings.")));
    }
    let mut sequences: Vec<Text<'_>> = Vec::with_capacity(MAX_STOPS);
    if stop.kind() == Kind::String {
        sequences.push(sequence(stop, || "stop".into())?);
    }
    for (at, value) in stop.elements().enumerate() {
        sequences.push(sequence(value, || format!("stop[{at}]"))?);
    }
    sequences.retain(|text| !text.is_empty());
    if sequences.is_empty() {
        return Ok(());
    }
    body.field("stop_sequences").put("[");
    for text in sequences {
        body.comma();
        body.quoted(text);
    }
    body.put("]");
    Ok(())
}

fn sequence(value: Raw<'_>, path: impl Fn() -> String) -> Result<Text<'_>, ApiError> {
    let text = value.as_text().ok_or_else(|| check::wrong_type(value, path(), "a string"))?;
    if text.is_blank() && !text.is_empty() {
        let reason = "this model takes no stop sequences of white space only.";
        return Err(ApiError::unsupported_value(path(), reason));
    }
    Ok(text)
}

/// `safety_identifier`, or the older `user`, as `metadata.user_id`. Anthropic wants an opaque id: what looks like an
/// e-mail address or a telephone number, or is too long, is left out.
pub(super) fn user(body: &mut Body, chat: &ChatRequest) {
    let Some(id) = chat.given("safety_identifier").or_else(|| chat.given("user")).and_then(Raw::as_text) else {
        return;
    };
    let text = id.to_str();
    if text.is_empty() || id.char_count() > MAX_USER || is_personal(&text) {
        return;
    }
    body.field("metadata").put(r#"{"user_id":"#);
    body.quoted(id);
    body.put("}");
}

fn is_personal(id: &str) -> bool {
    let is_email = id.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    let digits = id.bytes().filter(u8::is_ascii_digit).count();
    let is_phone_like = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'+' | b'-' | b'(' | b')' | b'.');
    let is_phone = (7..=15).contains(&digits) && id.bytes().all(is_phone_like) && id.starts_with(['+', '(', '0'])
        || (10..=11).contains(&digits) && id.contains(['-', ' ', '.']) && id.bytes().all(is_phone_like);
    is_email || is_phone
}

/// `service_tier`: Anthropic has no slower or faster one that is asked for in this way.
pub(super) fn service_tier(body: &mut Body, tier: Option<Raw<'_>>) -> Result<(), ApiError> {
    let Some(tier) = tier else { return Ok(()) };
    let tiers = ["auto", "default", "flex", "scale", "priority", "fast"];
    match check::word(tier, "service_tier", &tiers)? {
        "auto" => body.field("service_tier").put(r#""auto""#),
        "default" => body.field("service_tier").put(r#""standard_only""#),
        _ => {
            let reason = "for this model use 'auto' or 'default'.";
            return Err(ApiError::unsupported_value("service_tier", reason));
        }
    }
    Ok(())
}
