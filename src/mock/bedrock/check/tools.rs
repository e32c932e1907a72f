//! Tools, their calls and their results.

use serde_json::Value;

use super::rules::{Outcome, at_least, ensure, invalid, list, not_null, one_of, pattern};
use crate::mock::bedrock::tools;
use crate::mock::protocol::messages;

const NAME: &str = "[a-zA-Z0-9_-]+";
const ID: &str = "[a-zA-Z0-9_.:-]+";
const RESULTS: [&str; 6] = ["json", "text", "image", "document", "video", "searchResult"];

/// What can be called, which has to be said also where it was called earlier.
pub(super) fn config(request: &Value) -> Outcome {
    let config = &request["toolConfig"];
    if config.is_null() {
        let mut blocks = messages(request).iter().flat_map(|message| list(&message["content"]));
        let is_tools = |block: &Value| block.get("toolUse").or(block.get("toolResult")).is_some();
        return ensure(!blocks.any(is_tools), || {
            invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
        });
    }
    at_least(&list(&config["tools"]).len().into(), 1, "toolConfig.tools")?;
    for (number, tool) in tools(request).enumerate() {
        let at = format!("toolConfig.tools.{}.member.toolSpec", number + 1);
        pattern(&tool["name"], NAME, is_name, &format!("{at}.name"))?;
        at_least(&tool["description"].as_str().map_or(1, str::len).into(), 1, &format!("{at}.description"))?;
        ensure(tool["inputSchema"]["json"]["type"] == "object", || {
            invalid(format!("The value at {at}.inputSchema.json.type must be one of the following: object."))
        })?;
    }
    let choice = &config["toolChoice"];
    if choice.is_null() {
        return Ok(());
    }
    one_of(choice, "ToolChoice", &["auto", "any", "tool"], "toolConfig.toolChoice")?;
    let name = &choice["tool"]["name"];
    ensure(choice.get("tool").is_none() || tools(request).any(|tool| tool["name"] == *name), || {
        invalid(format!("The tool {name} of toolConfig.toolChoice is not in toolConfig.tools."))
    })
}

pub(super) fn call(call: &Value, at: &str) -> Outcome {
    pattern(&call["toolUseId"], ID, is_id, &format!("{at}.toolUseId"))?;
    pattern(&call["name"], NAME, is_name, &format!("{at}.name"))?;
    ensure(call["input"].is_object(), || {
        invalid(format!(
            "The format of the value at {at}.input is invalid. Provide a json object for the field and try again."
        ))
    })
}

pub(super) fn result(result: &Value, at: &str) -> Outcome {
    pattern(&result["toolUseId"], ID, is_id, &format!("{at}.toolUseId"))?;
    not_null(&result["content"], &format!("{at}.content"))?;
    for (number, part) in list(&result["content"]).iter().enumerate() {
        one_of(part, "ToolResultContentBlock", &RESULTS, &format!("{at}.content.{number}"))?;
    }
    Ok(())
}

/// A turn that calls tools is followed by the results of these calls, and by no others.
pub(super) fn results(last: &Value, message: &Value, index: usize) -> Outcome {
    let (calls, results) = (ids(last, "toolUse"), ids(message, "toolResult"));
    let missing: Vec<&str> = calls.iter().filter(|id| !results.contains(id)).copied().collect();
    ensure(missing.is_empty(), || {
        let missing = missing.join(", ");
        invalid(format!("Expected toolResult blocks at messages.{index}.content for the following Ids: {missing}"))
    })?;
    ensure(results.len() <= calls.len(), || {
        invalid(format!(
            "The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks of previous \
             turn."
        ))
    })
}

fn ids<'a>(message: &'a Value, kind: &str) -> Vec<&'a str> {
    list(&message["content"]).iter().filter_map(|block| block[kind]["toolUseId"].as_str()).collect()
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-".contains(letter)
}

fn is_id(letter: char) -> bool {
    is_name(letter) || ".:".contains(letter)
}
