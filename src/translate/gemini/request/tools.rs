//! Tools, and the choice among them.

use super::openapi;
use crate::chat::Tool;
use crate::error::ApiError;
use crate::json::{Raw, Text};
use crate::translate::Dropped;
use crate::translate::capability::gemini::Capabilities;
use crate::translate::encode::Object;
use crate::translate::encode::tools::{Choice, TEXT_INPUT, Tools};

/// The longest name that Gemini takes; OpenAI's limit is 64.
pub(super) const MAX_NAME: usize = 128;

/// How strictly the arguments follow the schema, of which Gemini promises nothing.
const STRICT: &str = "tools.function.strict";

/// Writes `tools`: all functions in one tool, as Gemini wants them.
pub(super) fn write(
    tools: &Tools<'_>,
    body: &mut Object,
    capabilities: &Capabilities,
    dropped: &mut Dropped,
) -> Result<(), ApiError> {
    if tools.is_empty() {
        return Ok(());
    }
    body.field("tools").put(r#"[{"functionDeclarations":["#);
    for (at, tool) in tools.list.iter().enumerate() {
        body.comma();
        match *tool {
            Tool::Function { name, description, parameters, strict, .. } => {
                write_head(body, name, description, || format!("tools[{at}].function.name"))?;
                if strict {
                    dropped.push(STRICT);
                }
                if let Some(parameters) = parameters.filter(|parameters| parameters.fields().next().is_some()) {
                    write_parameters(body, parameters, capabilities, at)?;
                }
            }
            Tool::Custom { name, description, .. } => {
                write_head(body, name, description, || format!("tools[{at}].custom.name"))?;
                body.put(if capabilities.json_schemas { r#","parametersJsonSchema":"# } else { r#","parameters":"# });
                body.put(TEXT_INPUT);
            }
            _ => continue,
        }
        body.put("}");
    }
    body.put("]}]");
    Ok(())
}

/// Writes `toolConfig`.
pub(super) fn write_choice(tools: &Tools<'_>, body: &mut Object) {
    if tools.is_empty() {
        return;
    }
    let mode = match tools.choice {
        None => return,
        Some(Choice::Auto) => "AUTO",
        Some(Choice::None) => "NONE",
        Some(Choice::Any | Choice::Tool(_)) => "ANY",
    };
    body.field("toolConfig").put(r#"{"functionCallingConfig":{"mode":"#);
    body.string(mode);
    if let Some(Choice::Tool(name)) = tools.choice {
        body.put(r#","allowedFunctionNames":["#);
        body.quoted(name);
        body.put("]");
    }
    body.put("}}");
}

/// Name and description. A name must not begin with a digit or a hyphen.
fn write_head(
    body: &mut Object,
    name: Text<'_>,
    description: Option<Text<'_>>,
    path: impl FnOnce() -> String,
) -> Result<(), ApiError> {
    if name.to_str().starts_with(|first: char| !first.is_ascii_alphabetic() && first != '_') {
        let reason = "for this model it must begin with a letter or an underscore.";
        return Err(ApiError::unsupported_value(path(), reason));
    }
    body.put(r#"{"name":"#);
    body.quoted(name);
    if let Some(description) = description {
        body.put(r#","description":"#);
        body.quoted(description);
    }
    Ok(())
}

fn write_parameters(
    body: &mut Object,
    parameters: Raw<'_>,
    capabilities: &Capabilities,
    at: usize,
) -> Result<(), ApiError> {
    if capabilities.json_schemas {
        body.put(r#","parametersJsonSchema":"#);
        body.put(parameters.text());
        return Ok(());
    }
    let lowered = openapi::lower(parameters, || format!("tools[{at}].function.parameters"))?;
    // An object without properties is refused; a function without parameters says the same.
    if lowered.has_members {
        body.put(r#","parameters":"#);
        body.out.extend_from_slice(&lowered.json);
    }
    Ok(())
}
