//! The whole request, and the one table of all its fields.

use super::format::Format;
use super::thinking::Plan;
use super::{config, tools, writer};
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::Dropped;
use crate::translate::capability::gemini::Capabilities;
use crate::translate::decode::Primed;
use crate::translate::encode::fields::{self, Row, adjusted, deprecated, hint, ignored, mapped, refused};
use crate::translate::encode::messages::Messages;
use crate::translate::encode::tools::Tools;
use crate::translate::encode::{Object, check, defaults};
use crate::translate::gemini::Gemini;

/// The fields of OpenAI's request, and Gemini's own that are more than forwarded.
pub(in crate::translate) const FIELDS: &[Row] = &[
    // OpenAI's, in the order of its reference.
    mapped("messages", "`contents`, `systemInstruction`"),
    mapped("model", "the path of the URL"),
    refused("audio", defaults::never).because("speech is asked for in another way"),
    adjusted("frequency_penalty", "`frequencyPenalty`; left out where the model takes none"),
    deprecated("function_call", defaults::says_nothing, "tool_choice"),
    deprecated("functions", defaults::empty, "tools"),
    refused("logit_bias", defaults::empty).because("Gemini has no access to logits"),
    refused("logprobs", defaults::is_false).because("only some models tell probabilities"),
    mapped("max_completion_tokens", "`maxOutputTokens`"),
    mapped("max_tokens", "`maxOutputTokens`, if there is no `max_completion_tokens`"),
    ignored("metadata", "belongs to OpenAI's store"),
    refused("modalities", defaults::text_only).because("speech is asked for in another way"),
    refused("moderation", defaults::never).because("a service of OpenAI's"),
    refused("n", defaults::one).because("only some models give several answers"),
    adjusted("parallel_tool_calls", "left out: Gemini has no such switch"),
    ignored("prediction", "only makes answers faster"),
    adjusted("presence_penalty", "`presencePenalty`; left out where the model takes none"),
    ignored("prompt_cache_key", "Gemini caches by prefix"),
    ignored("prompt_cache_options", "Gemini caches by itself"),
    ignored("prompt_cache_retention", "Gemini caches by itself"),
    adjusted("reasoning_effort", "`thinkingConfig`: the nearest that the model has"),
    mapped("response_format", "`responseMimeType`, `responseJsonSchema`"),
    ignored("safety_identifier", "Gemini is not told who asks"),
    adjusted("seed", "`seed`, of 32 bits; a longer one is left out"),
    mapped("service_tier", "`serviceTier`: `standard`, `flex` or `priority`"),
    mapped("stop", "`stopSequences`"),
    hint("store", defaults::is_false).because("Gemini has no store of answers"),
    mapped("stream", "`streamGenerateContent`"),
    ignored("stream_options", "usage is always in the stream"),
    adjusted("temperature", "`temperature`; left out where the model takes none"),
    mapped("tool_choice", "`toolConfig.functionCallingConfig`"),
    adjusted("tools", "`functionDeclarations` of one tool"),
    refused("top_logprobs", defaults::zero).because("only some models tell probabilities"),
    adjusted("top_p", "`topP`; left out where the model takes none"),
    ignored("user", "Gemini is not told who asks"),
    hint("verbosity", defaults::medium).because("Gemini has no such setting"),
    refused("web_search_options", defaults::never).because("OpenAI's own search"),
    // Gemini's own, which are more than forwarded.
    refused("safetySettings", defaults::never).because("the host's to decide: `Gemini::safety`"),
    refused("safety_settings", defaults::never).because("the host's to decide: `Gemini::safety`"),
    adjusted("top_k", "`topK`; left out where the model takes none"),
];

/// A request in Gemini's words.
pub(in crate::translate::gemini) struct Encoded {
    pub(in crate::translate::gemini) body: Vec<u8>,
    pub(in crate::translate::gemini) dropped: Dropped,
    pub(in crate::translate::gemini) primed: Primed,
}

impl Gemini {
    /// Writes the request: instructions and tools first, as the models read them.
    pub(in crate::translate::gemini) fn write(
        &self,
        chat: &ChatRequest,
        capabilities: &Capabilities,
    ) -> Result<Encoded, ApiError> {
        let mut dropped = Dropped::default();
        let forwarded = fields::sort(chat, FIELDS, &mut dropped)?;
        let effort = chat.given("reasoning_effort");
        let plan = Plan::make(effort, capabilities.thinking, self.include_thoughts, &mut dropped)?;
        let tools = Tools::read(chat, tools::MAX_NAME)?;
        let format = Format::read(chat.given("response_format"), capabilities, &mut dropped)?;
        let conversation = Messages::read(chat)?;

        let mut body = Object::with_capacity(chat.size() + chat.size() / 8 + 512);
        writer::write_system(&conversation, &mut body)?;
        tools::write(&tools, &mut body, capabilities, &mut dropped)?;
        tools::write_choice(&tools, &mut body);
        if !tools.is_empty() && chat.given("parallel_tool_calls").and_then(Raw::as_bool) == Some(false) {
            dropped.push("parallel_tool_calls");
        }
        writer::write(&conversation, &mut body, capabilities, self.public_urls, &mut dropped)?;
        config::write(&mut body, chat, capabilities, &format, plan, &mut dropped)?;
        if !self.safety.is_empty() {
            let body = body.field("safetySettings");
            body.out.extend_from_slice(&self.safety);
            body.put("]");
        }
        service_tier(&mut body, chat.given("service_tier"))?;
        for (name, value) in forwarded {
            let known = name.to_str();
            if body.has(&known) {
                dropped.push(known.into_owned());
            } else {
                body.forward(name, value);
            }
        }
        let primed = Primed { custom_tools: tools.custom(), structured_tool: None };
        Ok(Encoded { body: body.finish(), dropped, primed })
    }
}

/// `service_tier`. `auto` leaves the choice to Google, which is the standard one: what costs more must be asked for.
fn service_tier(body: &mut Object, tier: Option<Raw<'_>>) -> Result<(), ApiError> {
    let Some(tier) = tier else { return Ok(()) };
    let tiers = ["auto", "default", "flex", "scale", "priority", "fast"];
    let theirs = match check::word(tier, "service_tier", &tiers)? {
        "auto" => return Ok(()),
        "default" => "standard",
        "flex" => "flex",
        "priority" => "priority",
        _ => {
            let reason = "for this model use 'auto', 'default', 'flex' or 'priority'.";
            return Err(ApiError::unsupported_value("service_tier", reason));
        }
    };
    body.field("serviceTier").string(theirs);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        fields::assert_complete(FIELDS);
    }
}
