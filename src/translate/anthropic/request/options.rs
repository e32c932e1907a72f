//! The fields that are one number or one word.

use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::Dropped;
use crate::translate::capability::claude::Capabilities;
use crate::translate::encode::options::{Sampling, limit, stops};
use crate::translate::encode::{Body, Plan, check};

/// What is asked for where neither the client, the host nor the model's name says how long an answer may be.
const DEFAULT_MAX_TOKENS: u64 = 8192;

/// The longest `metadata.user_id`.
const MAX_USER: usize = 256;

/// `max_tokens`, which Anthropic demands, and what the client calls it.
pub(super) fn max_tokens(
    chat: &ChatRequest,
    default: Option<u64>,
    capabilities: &Capabilities,
) -> Result<(u64, &'static str), ApiError> {
    let most = capabilities.max_output;
    let default = default
        .map_or_else(|| most.unwrap_or(DEFAULT_MAX_TOKENS), |default| most.map_or(default, |most| default.min(most)));
    Ok(limit(chat)?.unwrap_or((default, "max_completion_tokens")))
}

/// `temperature`, `top_p` and `top_k`, as far as the model takes them.
pub(super) fn sampling(
    body: &mut Body,
    chat: &ChatRequest,
    capabilities: &Capabilities,
    plan: Plan,
    dropped: &mut Dropped,
) -> Result<(), ApiError> {
    let taken = Sampling::read(chat, capabilities.sampling, plan.thinks(), dropped)?;
    for (name, value) in [("temperature", taken.temperature), ("top_p", taken.top_p), ("top_k", taken.top_k)] {
        if let Some(value) = value {
            body.field(name).put(value);
        }
    }
    Ok(())
}

/// `stop` as `stop_sequences`.
pub(super) fn stop(body: &mut Body, stop: Option<Raw<'_>>) -> Result<(), ApiError> {
    let sequences = stops(stop)?;
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
