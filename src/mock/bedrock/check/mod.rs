//! What Amazon refuses before a model sees it, in its words where they are known.

mod content;
mod rules;
mod tools;

use serde_json::Value;

use self::rules::{Outcome, at_least, at_most, ensure, invalid, list, not_blank, one_of, one_value};
use super::super::protocol::messages;

pub(super) fn check(request: &Value) -> Outcome {
    ensure(request.is_object(), || invalid("Malformed input request, please reformat your input and try again."))?;
    conversation(messages(request))?;
    for (index, block) in list(&request["system"]).iter().enumerate() {
        let at = format!("system.{index}");
        one_of(block, "SystemContentBlock", &["text", "guardContent", "cachePoint"], &at)?;
        not_blank(block, "SystemContentBlock", &at)?;
    }
    tools::config(request)?;
    thinking(request)?;
    inference_config(&request["inferenceConfig"])?;
    output_config(&request["outputConfig"]["textFormat"])
}

fn conversation(messages: &[Value]) -> Outcome {
    ensure(messages.first().is_some_and(|first| first["role"] != "assistant"), || {
        invalid(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        )
    })?;
    let mut last = &Value::Null;
    for (index, message) in messages.iter().enumerate() {
        let role = &message["role"];
        one_value(role, &["user", "assistant"], &format!("messages.{}.member.role", index + 1))?;
        ensure(last["role"] != *role, || {
            invalid(
                "A conversation must alternate between user and assistant roles. Make sure the conversation alternates \
                 between user and assistant roles and try again.",
            )
        })?;
        content::check(message, index)?;
        tools::results(last, message, index)?;
        last = message;
    }
    Ok(())
}

/// What Claude says where it is to think.
fn thinking(request: &Value) -> Outcome {
    if !matches!(request["additionalModelRequestFields"]["thinking"]["type"].as_str(), Some("enabled" | "adaptive")) {
        return Ok(());
    }
    let refused = |reason: String| invalid(format!("The model returned the following errors: {reason}"));
    let choice = &request["toolConfig"]["toolChoice"];
    ensure(choice.is_null() || choice.get("auto").is_some(), || {
        refused("Thinking may not be enabled when tool_choice forces tool use.".to_owned())
    })?;
    for (index, message) in messages(request).iter().enumerate() {
        for (number, block) in list(&message["content"]).iter().enumerate() {
            let text = &block["reasoningContent"]["reasoningText"];
            ensure(text.is_null() || text["signature"].is_string(), || {
                refused(format!("messages.{index}.content.{number}.thinking.signature: Field required"))
            })?;
        }
    }
    Ok(())
}

fn inference_config(config: &Value) -> Outcome {
    at_least(&config["maxTokens"], 1, "inferenceConfig.maxTokens")?;
    for name in ["temperature", "topP"] {
        at_least(&config[name], 0, &format!("inferenceConfig.{name}"))?;
        at_most(&config[name], 1, &format!("inferenceConfig.{name}"))?;
    }
    for (number, stop) in list(&config["stopSequences"]).iter().enumerate() {
        let length = stop.as_str().map_or(0, str::len);
        at_least(&length.into(), 1, &format!("inferenceConfig.stopSequences.{}.member", number + 1))?;
    }
    Ok(())
}

/// The schema is JSON in a string.
fn output_config(format: &Value) -> Outcome {
    if format.is_null() {
        return Ok(());
    }
    one_value(&format["type"], &["json_schema"], "outputConfig.textFormat.type")?;
    let schema = format["structure"]["jsonSchema"]["schema"].as_str().unwrap_or_default();
    ensure(serde_json::from_str(schema).is_ok_and(|schema: Value| schema.is_object()), || {
        invalid("The value at outputConfig.textFormat.structure.jsonSchema.schema is not a JSON schema.")
    })
}
