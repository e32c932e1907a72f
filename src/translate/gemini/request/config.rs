//! `generationConfig`: the fields that are one number or a few words.

use super::format::Format;
use super::thinking::Plan;
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::{Raw, write_u64};
use crate::translate::Dropped;
use crate::translate::capability::gemini::Capabilities;
use crate::translate::encode::options::{any_stops, limit};
use crate::translate::encode::{Object, check, defaults};

/// `generationConfig`, which begins with its first member.
struct Config<'b> {
    body: &'b mut Object,
    any: bool,
}

impl Config<'_> {
    /// A member; its value must follow.
    fn member(&mut self, name: &str) -> &mut Object {
        if !std::mem::replace(&mut self.any, true) {
            self.body.field("generationConfig").put("{");
        }
        self.body.comma();
        self.body.put("\"");
        self.body.put(name);
        self.body.put("\":");
        self.body
    }

    fn number(&mut self, name: &str, value: Raw<'_>) {
        self.member(name).put(value.text());
    }
}

/// Writes `generationConfig`, if there is anything to say in it.
pub(super) fn write(
    body: &mut Object,
    chat: &ChatRequest,
    capabilities: &Capabilities,
    format: &Format<'_>,
    plan: Plan,
    dropped: &mut Dropped,
) -> Result<(), ApiError> {
    let mut config = Config { body, any: false };
    if let Some((tokens, _)) = limit(chat)? {
        write_u64(&mut config.member("maxOutputTokens").out, tokens);
    }
    sampling(&mut config, chat, capabilities, dropped)?;
    stop(&mut config, chat)?;
    seed(&mut config, chat, dropped)?;
    penalties(&mut config, chat, capabilities, dropped)?;
    if let Some(media_type) = format.media_type() {
        config.member("responseMimeType").string(media_type);
    }
    if let Some((name, schema)) = format.schema() {
        config.member(name).out.extend_from_slice(schema);
    }
    if let Some(thinking) = plan.config() {
        config.member("thinkingConfig").put(&thinking);
    }
    if config.any {
        body.put("}");
    }
    Ok(())
}

/// `temperature`, `topP` and `topK`, as they are.
fn sampling(
    config: &mut Config<'_>,
    chat: &ChatRequest,
    capabilities: &Capabilities,
    dropped: &mut Dropped,
) -> Result<(), ApiError> {
    for (name, theirs, max) in [("temperature", "temperature", 2.0), ("top_p", "topP", 1.0)] {
        let Some(value) = chat.given(name) else { continue };
        let number = check::number(value, name, 0.0..=max)?;
        if capabilities.sampling {
            config.number(theirs, value);
        } else if number != 1.0 {
            dropped.push(name);
        }
    }
    if let Some(value) = chat.given("top_k") {
        check::whole(value, "top_k", 1..=u64::MAX)?;
        if capabilities.sampling {
            config.number("topK", value);
        } else {
            dropped.push("top_k");
        }
    }
    Ok(())
}

fn stop(config: &mut Config<'_>, chat: &ChatRequest) -> Result<(), ApiError> {
    let sequences = any_stops(chat.given("stop"))?;
    if sequences.is_empty() {
        return Ok(());
    }
    let body = config.member("stopSequences");
    body.put("[");
    for text in sequences {
        body.comma();
        body.quoted(text);
    }
    body.put("]");
    Ok(())
}

/// Gemini's seed has 32 bits.
fn seed(config: &mut Config<'_>, chat: &ChatRequest, dropped: &mut Dropped) -> Result<(), ApiError> {
    let Some(value) = chat.given("seed") else { return Ok(()) };
    defaults::seed(value, "seed")?;
    match value.text().parse::<i32>() {
        Ok(_) => config.number("seed", value),
        Err(_) => dropped.push("seed"),
    }
    Ok(())
}

fn penalties(
    config: &mut Config<'_>,
    chat: &ChatRequest,
    capabilities: &Capabilities,
    dropped: &mut Dropped,
) -> Result<(), ApiError> {
    for (name, theirs) in [("presence_penalty", "presencePenalty"), ("frequency_penalty", "frequencyPenalty")] {
        let Some(value) = chat.given(name) else { continue };
        if check::number(value, name, -2.0..=2.0)? == 0.0 {
            continue;
        }
        if capabilities.penalties {
            config.number(theirs, value);
        } else {
            dropped.push(name);
        }
    }
    Ok(())
}
