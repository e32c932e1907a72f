//! The whole request, and the one table of all its fields.

use super::body::Body;
use super::format::Format;
use super::messages::Messages;
use super::thinking::Plan;
use super::tools::Tools;
use super::{defaults, options};
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::{Raw, Text, write_u64};
use crate::translate::Dropped;
use crate::translate::anthropic::Anthropic;
use crate::translate::anthropic::capabilities::Capabilities;
use crate::translate::anthropic::primed::Primed;

/// What becomes of a field that is set. What is not in the table, OpenAI does not define: it is forwarded as it is.
enum Fate {
    /// It is said in Anthropic's words, or adjusted and then reported; see the module.
    Mapped,
    /// Left out: no answer depends on it.
    Ignored,
    /// A hint: left out and reported, unless the value is OpenAI's default.
    Hint(Check),
    /// 400 `unsupported_parameter`, unless the value is OpenAI's default.
    Refused(Check),
    /// 400 that names what has replaced it, unless the value says nothing.
    Deprecated(Check, &'static str),
    /// It steers another gateway or an SDK, and would lead elsewhere: left out and reported.
    Steering,
}

/// Checks the range of a value, and says whether it is OpenAI's default.
type Check = fn(Raw<'_>, &'static str) -> Result<bool, ApiError>;

/// A field and what becomes of it.
type Row = (&'static str, Fate);

/// The fields of OpenAI's request, Anthropic's own that have a meaning here, and those of other gateways.
const FIELDS: &[Row] = &[
    // OpenAI's, in the order of its reference.
    ("messages", Fate::Mapped), // messages, system: `messages.rs`, `parts.rs`, `calls.rs`, `replay.rs`
    ("model", Fate::Mapped),    // model: what the host configured
    ("audio", Fate::Refused(defaults::never)),
    ("frequency_penalty", Fate::Hint(defaults::penalty)),
    ("function_call", Fate::Deprecated(defaults::says_nothing, "tool_choice")),
    ("functions", Fate::Deprecated(defaults::empty, "tools")),
    ("logit_bias", Fate::Refused(defaults::empty)),
    ("logprobs", Fate::Refused(defaults::is_false)),
    ("max_completion_tokens", Fate::Mapped), // max_tokens: `options.rs`
    ("max_tokens", Fate::Mapped),            // the same, if there is no max_completion_tokens
    ("metadata", Fate::Ignored),
    ("modalities", Fate::Refused(defaults::text_only)),
    ("moderation", Fate::Refused(defaults::never)),
    ("n", Fate::Refused(defaults::one)),
    ("parallel_tool_calls", Fate::Mapped), // tool_choice.disable_parallel_tool_use: `tools.rs`
    ("prediction", Fate::Ignored),
    ("presence_penalty", Fate::Hint(defaults::penalty)),
    ("prompt_cache_key", Fate::Ignored),
    ("prompt_cache_options", Fate::Mapped), // cache_control, if the host wants it: here
    ("prompt_cache_retention", Fate::Ignored),
    ("reasoning_effort", Fate::Mapped), // thinking, output_config.effort: `thinking.rs`
    ("response_format", Fate::Mapped),  // output_config.format, or a forced tool, or an instruction: `format.rs`
    ("safety_identifier", Fate::Mapped), // metadata.user_id: `options.rs`
    ("seed", Fate::Hint(defaults::seed)),
    ("service_tier", Fate::Mapped), // service_tier: `options.rs`
    ("stop", Fate::Mapped),         // stop_sequences: `options.rs`
    ("store", Fate::Hint(defaults::is_false)),
    ("stream", Fate::Mapped),          // stream
    ("stream_options", Fate::Ignored), // usage is always in the stream
    ("temperature", Fate::Mapped),     // temperature, at most 1: `options.rs`
    ("tool_choice", Fate::Mapped),     // tool_choice: `tools.rs`
    ("tools", Fate::Mapped),           // tools: `tools.rs`, `schema.rs`
    ("top_logprobs", Fate::Refused(defaults::zero)),
    ("top_p", Fate::Mapped), // top_p: `options.rs`
    ("user", Fate::Mapped),  // metadata.user_id: `options.rs`
    ("verbosity", Fate::Hint(defaults::medium)),
    ("web_search_options", Fate::Refused(defaults::never)),
    // Anthropic's own, which are more than forwarded.
    ("cache_control", Fate::Mapped), // counts as one of four marks: here
    ("output_config", Fate::Mapped), // merged with what is made of OpenAI's fields: `format.rs`
    ("thinking", Fate::Mapped),      // wins over reasoning_effort: `thinking.rs`
    ("top_k", Fate::Mapped),         // left out where the model takes none: `options.rs`
    // Of SDKs, LiteLLM, OpenRouter and others.
    ("additional_drop_params", Fate::Steering),
    ("allowed_openai_params", Fate::Steering),
    ("api_base", Fate::Steering),
    ("api_key", Fate::Steering),
    ("api_version", Fate::Steering),
    ("base_url", Fate::Steering),
    ("custom_llm_provider", Fate::Steering),
    ("default_headers", Fate::Steering),
    ("drop_params", Fate::Steering),
    ("extra_body", Fate::Steering),
    ("extra_headers", Fate::Steering),
    ("extra_query", Fate::Steering),
    ("fallbacks", Fate::Steering),
    ("headers", Fate::Steering),
    ("include_reasoning", Fate::Steering),
    ("models", Fate::Steering),
    ("num_retries", Fate::Steering),
    ("organization", Fate::Steering),
    ("plugins", Fate::Steering),
    ("provider", Fate::Steering),
    ("reasoning", Fate::Steering),
    ("route", Fate::Steering),
    ("timeout", Fate::Steering),
    ("transforms", Fate::Steering),
    ("usage", Fate::Steering),
];

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
        let forwarded = sort(chat, &mut dropped)?;
        let limit = options::max_tokens(chat, self.default_max_tokens, capabilities)?;
        let thinking = chat.given("thinking");
        let plan = Plan::make(chat.given("reasoning_effort"), thinking, capabilities, limit, &mut dropped)?;
        let tools = Tools::read(chat, capabilities)?;
        let format = Format::read(chat.given("response_format"), self.json_object, capabilities, &mut dropped)?;
        let messages = Messages::read(chat)?;

        let mut body = Body::with_capacity(chat.size() + chat.size() / 8 + 512);
        body.field("model").string(chat.model());
        body.field("max_tokens");
        write_u64(&mut body.out, limit.0);
        if chat.stream() {
            body.field("stream").put("true");
        }
        tools.write(&mut body, capabilities, &mut dropped);
        format.write_tool(&mut body);
        messages.write_system(&mut body, format.instruction())?;
        let ending = messages.write(&mut body, capabilities)?;
        let automatic = self.automatic_cache(chat, &body);
        body.marks.keep_last(&mut body.out, usize::from(automatic.is_some()));

        let plan = plan.resume(ending.resumes_unsigned, &mut dropped);
        format.check(&tools, plan, capabilities)?;
        let parallel = chat.given("parallel_tool_calls").and_then(Raw::as_bool) != Some(false);
        tools.write_choice(&mut body, parallel, plan)?;
        plan.write(&mut body);
        if let Some(thinking) = thinking {
            body.field("thinking").put(thinking.text());
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

/// Sends every field its way: hints are noted, and what the model cannot do is refused. The fields to forward are left.
fn sort<'a>(chat: &'a ChatRequest, dropped: &mut Dropped) -> Result<Vec<(Text<'a>, Raw<'a>)>, ApiError> {
    let mut forwarded = Vec::new();
    for (name, value) in chat.fields().filter(|(_, value)| !value.is_null()) {
        let Some(&(field, ref fate)) = FIELDS.iter().find(|(field, _)| name.eq_str(field)) else {
            forwarded.push((name, value));
            continue;
        };
        match *fate {
            Fate::Mapped | Fate::Ignored => {}
            Fate::Steering => dropped.push(field),
            Fate::Hint(is_default) => {
                if !is_default(value, field)? {
                    dropped.push(field);
                }
            }
            Fate::Refused(is_default) => {
                if !is_default(value, field)? {
                    return Err(ApiError::unsupported_parameter(field));
                }
            }
            Fate::Deprecated(is_default, instead) => {
                if !is_default(value, field)? {
                    let reason = format!("it is deprecated and not supported for this model; use '{instead}'.");
                    return Err(ApiError::unsupported_value(field, reason));
                }
            }
        }
    }
    Ok(forwarded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_once() {
        for (at, (name, _)) in FIELDS.iter().enumerate() {
            assert!(FIELDS[..at].iter().all(|(other, _)| other != name), "{name}");
        }
    }

    /// The border knows the types of 37 documented fields; the table has each of them.
    #[test]
    fn the_table_has_every_field_of_openai() {
        let nulls: String = FIELDS.iter().skip(2).map(|(name, _)| format!(r#","{name}":null"#)).collect();
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user"}}]{nulls}}}"#);
        let chat = ChatRequest::from_bytes(body).unwrap();
        assert_eq!(chat.fields().count() - chat.extra().count(), 37);
    }
}
