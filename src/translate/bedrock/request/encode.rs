//! The whole request, and the one table of all its fields.

use super::format::Format;
use super::reasoning::Plan;
use super::{options, tools, writer};
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::Dropped;
use crate::translate::bedrock::{Bedrock, metadata};
use crate::translate::capability::bedrock::Capabilities;
use crate::translate::decode::Primed;
use crate::translate::encode::fields::{self, Row, adjusted, deprecated, hint, ignored, mapped, refused};
use crate::translate::encode::messages::Messages;
use crate::translate::encode::tools::Tools;
use crate::translate::encode::{Body, Form, defaults};

/// The fields of OpenAI's request, and the models' own that are more than forwarded. What is in no row is a field of the
/// model: it is forwarded in `additionalModelRequestFields`.
pub(in crate::translate) const FIELDS: &[Row] = &[
    // OpenAI's, in the order of its reference.
    mapped("messages", "`messages`, `system`"),
    mapped("model", "the path of the URL"),
    refused("audio", defaults::never).because("Converse does not speak"),
    hint("frequency_penalty", defaults::penalty).because("Converse has no penalties"),
    deprecated("function_call", defaults::says_nothing, "tool_choice"),
    deprecated("functions", defaults::empty, "tools"),
    refused("logit_bias", defaults::empty).because("Converse has no access to logits"),
    refused("logprobs", defaults::is_false).because("Converse tells no probabilities"),
    mapped("max_completion_tokens", "`inferenceConfig.maxTokens`"),
    mapped("max_tokens", "`inferenceConfig.maxTokens`, if there is no `max_completion_tokens`"),
    ignored("metadata", "stays here, unless the host forwards it: `Bedrock::forward_metadata`"),
    refused("modalities", defaults::text_only).because("Converse answers in text"),
    refused("moderation", defaults::never).because("a service of OpenAI's"),
    refused("n", defaults::one).because("Converse gives one answer"),
    adjusted("parallel_tool_calls", "`tool_choice.disable_parallel_tool_use` for Claude; else left out"),
    ignored("prediction", "only makes answers faster"),
    hint("presence_penalty", defaults::penalty).because("Converse has no penalties"),
    ignored("prompt_cache_key", "models cache by prefix"),
    ignored("prompt_cache_options", "only marks count"),
    ignored("prompt_cache_retention", "marks say how long"),
    adjusted("reasoning_effort", "in the way of the model's family; refused where there is none"),
    adjusted("response_format", "`outputConfig.textFormat`, or an instruction"),
    ignored("safety_identifier", "Bedrock is not told who asks"),
    hint("seed", defaults::seed).because("Converse samples without one"),
    mapped("service_tier", "`serviceTier`: `default`, `flex` or `priority`"),
    mapped("stop", "`inferenceConfig.stopSequences`"),
    hint("store", defaults::is_false).because("Bedrock has no store of answers"),
    mapped("stream", "`converse-stream`"),
    ignored("stream_options", "usage is always in the stream"),
    adjusted("temperature", "`inferenceConfig.temperature`, at most 1; left out where the model takes none"),
    mapped("tool_choice", "`toolConfig.toolChoice`"),
    adjusted("tools", "`toolConfig.tools`"),
    refused("top_logprobs", defaults::zero).because("Converse tells no probabilities"),
    adjusted("top_p", "`inferenceConfig.topP`; left out where the model takes none"),
    ignored("user", "Bedrock is not told who asks"),
    hint("verbosity", defaults::medium).because("Converse has no such setting"),
    refused("web_search_options", defaults::never).because("OpenAI's own search"),
    // Claude's own, which are more than forwarded.
    mapped("thinking", "wins over `reasoning_effort`"),
    adjusted("top_k", "left out where the model takes none"),
];

/// A mark is a block after the one that it belongs to.
const MARKS: Form = Form { start: br#",{"cachePoint":{"type":"default""#, one_hour: br#","ttl":"1h""#, end: b"}}" };

/// A request in Converse's words.
pub(in crate::translate::bedrock) struct Encoded {
    pub(in crate::translate::bedrock) body: Vec<u8>,
    pub(in crate::translate::bedrock) dropped: Dropped,
    pub(in crate::translate::bedrock) primed: Primed,
}

impl Bedrock {
    /// Writes the request.
    pub(in crate::translate::bedrock) fn write(
        &self,
        chat: &ChatRequest,
        capabilities: &Capabilities,
    ) -> Result<Encoded, ApiError> {
        let mut dropped = Dropped::default();
        let forwarded = fields::sort(chat, FIELDS, &mut dropped)?;
        let limit = options::Limit::read(chat, self.default_max_tokens)?;
        let plan = Plan::make(chat, capabilities, &limit, &mut dropped)?;
        let tools = Tools::read(chat, tools::MAX_NAME)?;
        tools.check_forced(capabilities.forced_tools)?;
        let format = Format::read(chat.given("response_format"), self.json_object, capabilities, &mut dropped)?;
        let conversation = Messages::read(chat)?;

        let mut body = Body::new(chat.size() + chat.size() / 8 + 512, &MARKS);
        writer::write_system(&conversation, &mut body, capabilities, format.instruction())?;
        let ending = writer::write(&conversation, &mut body, capabilities, self.s3_locations)?;
        let plan = plan.resume(ending.resumes_unsigned, &mut dropped);
        let parallel = chat.given("parallel_tool_calls").and_then(Raw::as_bool) != Some(false);
        let choice = tools::Choice::make(&tools, &ending.called, parallel, plan, capabilities, &mut dropped)?;
        tools::write(&tools, &ending.called, &choice, &mut body, capabilities, &mut dropped);
        body.keep_last_marks(0);

        let top_k = options::inference(&mut body, chat, capabilities, &limit, plan, &mut dropped)?;
        format.write(&mut body);
        plan.write(&mut body, chat.given("thinking"), choice.extra(), top_k, &forwarded, &mut dropped);
        options::service_tier(&mut body, chat.given("service_tier"))?;
        if let Some(guardrail) = &self.guardrail {
            guardrail.write(&mut body, chat.stream());
        }
        if self.latency_optimized {
            body.field("performanceConfig").put(r#"{"latency":"optimized"}"#);
        }
        let client = chat.given("metadata").filter(|_| self.forwards_metadata);
        metadata::write(&mut body, &self.request_metadata, client, &mut dropped);
        let primed = Primed { custom_tools: tools.custom(), structured_tool: None };
        Ok(Encoded { body: body.finish(), dropped, primed })
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
