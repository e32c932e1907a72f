//! The whole request, and the one table of all its fields.

use super::format::Format;
use super::{messages, options, tools};
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::{Raw, write_u64};
use crate::translate::Dropped;
use crate::translate::anthropic::Anthropic;
use crate::translate::capability::claude::Capabilities;
use crate::translate::decode::Primed;
use crate::translate::encode::fields::{self, Row, adjusted, deprecated, hint, ignored, mapped, refused};
use crate::translate::encode::messages::Messages;
use crate::translate::encode::tools::Tools;
use crate::translate::encode::{Body, Form, Plan, defaults};

/// The fields of OpenAI's request, and Anthropic's own that are more than forwarded.
pub(in crate::translate) const FIELDS: &[Row] = &[
    // OpenAI's, in the order of its reference.
    mapped("messages", "`messages`, `system`"),
    mapped("model", "the upstream's name of the model"),
    refused("audio", defaults::never).because("Claude does not speak"),
    hint("frequency_penalty", defaults::penalty).because("Anthropic has no penalties"),
    deprecated("function_call", defaults::says_nothing, "tool_choice"),
    deprecated("functions", defaults::empty, "tools"),
    refused("logit_bias", defaults::empty).because("Anthropic has no access to logits"),
    refused("logprobs", defaults::is_false).because("Anthropic tells no probabilities"),
    mapped("max_completion_tokens", "`max_tokens`"),
    mapped("max_tokens", "`max_tokens`, if there is no `max_completion_tokens`"),
    ignored("metadata", "belongs to OpenAI's store"),
    refused("modalities", defaults::text_only).because("Claude answers in text"),
    refused("moderation", defaults::never).because("a service of OpenAI's"),
    refused("n", defaults::one).because("Anthropic gives one answer"),
    mapped("parallel_tool_calls", "`tool_choice.disable_parallel_tool_use`"),
    ignored("prediction", "only makes answers faster"),
    hint("presence_penalty", defaults::penalty).because("Anthropic has no penalties"),
    ignored("prompt_cache_key", "Anthropic caches by prefix"),
    mapped("prompt_cache_options", "`cache_control`, if the host wants it"),
    ignored("prompt_cache_retention", "marks say how long"),
    adjusted("reasoning_effort", "`thinking`, `output_config.effort`"),
    adjusted("response_format", "`output_config.format`, or a forced tool, or an instruction"),
    mapped("safety_identifier", "`metadata.user_id`; what looks personal is left out"),
    hint("seed", defaults::seed).because("Anthropic samples without one"),
    mapped("service_tier", "`service_tier`"),
    mapped("stop", "`stop_sequences`"),
    hint("store", defaults::is_false).because("Anthropic has no store of answers"),
    mapped("stream", "`stream`"),
    ignored("stream_options", "usage is always in the stream"),
    adjusted("temperature", "`temperature`, at most 1; left out where the model takes none"),
    mapped("tool_choice", "`tool_choice`"),
    adjusted("tools", "`tools`"),
    refused("top_logprobs", defaults::zero).because("Anthropic tells no probabilities"),
    adjusted("top_p", "`top_p`; left out where the model takes none"),
    mapped("user", "`metadata.user_id`; what looks personal is left out"),
    hint("verbosity", defaults::medium).because("Anthropic has no such setting"),
    refused("web_search_options", defaults::never).because("OpenAI's own search"),
    // Anthropic's own, which are more than forwarded.
    mapped("cache_control", "counts as one of four marks"),
    mapped("output_config", "merged with what is made of OpenAI's fields"),
    mapped("thinking", "wins over `reasoning_effort`"),
    adjusted("top_k", "left out where the model takes none"),
];

/// A mark is the last field of the block that it belongs to.
const MARKS: Form = Form { start: br#","cache_control":{"type":"ephemeral""#, one_hour: br#","ttl":"1h""#, end: b"}" };

/// A request in Anthropic's words.
pub(in crate::translate::anthropic) struct Encoded {
    pub(in crate::translate::anthropic) body: Vec<u8>,
    pub(in crate::translate::anthropic) dropped: Dropped,
    pub(in crate::translate::anthropic) primed: Primed,
}

impl Anthropic {
    /// Writes the request, in the order in which Anthropic's cache reads it: tools, instructions, messages.
    pub(in crate::translate::anthropic) fn write(
        &self,
        chat: &ChatRequest,
        capabilities: &Capabilities,
    ) -> Result<Encoded, ApiError> {
        let mut dropped = Dropped::default();
        let forwarded = fields::sort(chat, FIELDS, &mut dropped)?;
        let limit = options::max_tokens(chat, self.default_max_tokens, capabilities)?;
        let thinking = chat.given("thinking");
        let plan = Plan::make(chat.given("reasoning_effort"), thinking, capabilities, limit, &mut dropped)?;
        let tools = Tools::read(chat, tools::MAX_NAME)?;
        tools.check_forced(capabilities.forced_tools)?;
        let format = Format::read(chat.given("response_format"), self.json_object, capabilities, &mut dropped)?;
        let conversation = Messages::read(chat)?;

        let mut body = Body::new(chat.size() + chat.size() / 8 + 512, &MARKS);
        body.field("model").string(chat.model());
        body.field("max_tokens");
        write_u64(&mut body.out, limit.0);
        if chat.stream() {
            body.field("stream").put("true");
        }
        tools::write(&tools, &mut body, capabilities, &mut dropped);
        format.write_tool(&mut body);
        messages::write_system(&conversation, &mut body, format.instruction())?;
        let ending = messages::write(&conversation, &mut body, capabilities)?;
        let automatic = self.automatic_cache(chat, &body);
        body.keep_last_marks(usize::from(automatic.is_some()));

        let plan = plan.resume(ending.resumes_unsigned, &mut dropped);
        format.check(&tools, plan, capabilities)?;
        let parallel = chat.given("parallel_tool_calls").and_then(Raw::as_bool) != Some(false);
        tools::write_choice(&tools, &mut body, parallel, plan)?;
        if let Some(thinking) = thinking.map(|own| own.text().into()).or_else(|| plan.thinking()) {
            body.field("thinking").put(&thinking);
        }
        format.write_config(&mut body, plan.effort(), chat.given("output_config"))?;
        options::sampling(&mut body, chat, capabilities, plan, &mut dropped)?;
        options::stop(&mut body, chat.given("stop"))?;
        options::user(&mut body, chat);
        options::service_tier(&mut body, chat.given("service_tier"))?;
        if let Some(automatic) = automatic {
            body.field("cache_control").put(automatic);
        }
        for (name, value) in forwarded {
            let known = name.to_str();
            if body.has(&known) {
                dropped.push(known.into_owned());
            } else {
                body.forward(name, value);
            }
        }
        let primed = Primed { custom_tools: tools.custom(), structured_tool: format.tool() };
        Ok(Encoded { body: body.finish(), dropped, primed })
    }

    /// The mark for Anthropic's automatic caching: the client's own, or one for every request without marks if the host
    /// wants it and the client has not chosen to mark explicitly.
    fn automatic_cache<'a>(&self, chat: &'a ChatRequest, body: &Body) -> Option<&'a str> {
        if let Some(own) = chat.given("cache_control") {
            return Some(own.text());
        }
        let mode = chat.given("prompt_cache_options").and_then(|options| options.get("mode")).and_then(Raw::as_text);
        let is_explicit = mode.is_some_and(|mode| mode.eq_str("explicit"));
        let wanted = self.automatic_caching && body.marks.is_empty() && !is_explicit;
        wanted.then_some(r#"{"type":"ephemeral"}"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        fields::assert_complete(FIELDS);
    }
}
