//! Tools, and the choice among them, as far as every protocol reads them alike.

use std::borrow::Cow;
use std::collections::HashSet;

use super::check;
use super::object::Object;
use crate::chat::{ChatRequest, Tool, ToolChoice};
use crate::error::ApiError;
use crate::json::{Raw, Text};

/// The schema of a tool that takes text: it travels as the one property of an object.
pub(crate) const TEXT_INPUT: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// The tools that the model is shown, and which of them it must call.
pub(crate) struct Tools<'a> {
    pub(crate) list: Vec<Tool<'a>>,
    pub(crate) choice: Option<Choice<'a>>,
}

#[derive(Clone, Copy)]
pub(crate) enum Choice<'a> {
    Auto,
    None,
    Any,
    Tool(Text<'a>),
}

impl<'a> Tools<'a> {
    /// Reads `tools` and `tool_choice`. Of `allowed_tools`, the others are left out.
    pub(crate) fn read(chat: &'a ChatRequest, max_name: usize) -> Result<Self, ApiError> {
        let mut list = Vec::new();
        for (at, tool) in chat.tools().enumerate() {
            list.push(checked(tool?, at, max_name)?);
        }
        let choice = chat.tool_choice()?;
        let unknown = || ApiError::invalid_value("tool_choice", "it names a tool that is not among 'tools'.");
        let choice = match choice {
            None => None,
            Some(ToolChoice::None) => Some(Choice::None),
            Some(ToolChoice::Auto) => Some(Choice::Auto),
            Some(ToolChoice::Required) => Some(Choice::Any),
            Some(ToolChoice::Named(name)) => {
                let wanted = name.to_str();
                let known = list.iter().filter_map(Tool::name).any(|known| known.eq_str(&wanted));
                known.then_some(Some(Choice::Tool(name))).ok_or_else(unknown)?
            }
            Some(ToolChoice::Allowed { required, names }) => {
                let allowed: HashSet<Cow<'_, str>> = names.into_iter().map(Text::to_str).collect();
                list.retain(|tool| tool.name().is_some_and(|name| allowed.contains(&name.to_str())));
                if list.len() < allowed.len() {
                    return Err(unknown());
                }
                Some(if required { Choice::Any } else { Choice::Auto })
            }
        };
        let tools = Self { list, choice };
        if tools.is_forced() && tools.list.is_empty() {
            return Err(ApiError::invalid_value("tool_choice", "there are no tools to call."));
        }
        Ok(tools)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one must be called.
    pub(crate) fn is_forced(&self) -> bool {
        matches!(self.choice, Some(Choice::Any | Choice::Tool(_)))
    }

    /// Refuses a forced call where the model cannot be forced.
    pub(crate) fn check_forced(&self, takes_forced: bool) -> Result<(), ApiError> {
        if takes_forced || !self.is_forced() {
            return Ok(());
        }
        let reason = "this model cannot be forced to call a tool; use 'auto' or 'none'.";
        Err(ApiError::unsupported_value("tool_choice", reason))
    }

    /// The names of the tools that take text instead of JSON.
    pub(crate) fn custom(&self) -> Vec<String> {
        let custom = self.list.iter().filter(|tool| matches!(tool, Tool::Custom { .. }));
        custom.filter_map(|tool| tool.name().map(|name| name.to_str().into_owned())).collect()
    }
}

/// What a client marks a tool with for the prompt cache.
pub(crate) fn breakpoint<'a>(tool: Raw<'a>) -> Option<Raw<'a>> {
    let mark = tool.get("cache_control").or_else(|| tool.get("function")?.get("cache_control"));
    mark.filter(|mark| !mark.is_null())
}

fn checked(tool: Tool<'_>, at: usize, max_name: usize) -> Result<Tool<'_>, ApiError> {
    let (name, inner) = match tool {
        Tool::Function { name, .. } => (name, "function"),
        Tool::Custom { name, format, .. } => {
            let kind = format.and_then(|format| format.get("type")).and_then(Raw::as_str);
            if !matches!(kind.as_deref(), None | Some("text")) {
                let reason = "this model takes no grammars; use 'text'.";
                return Err(ApiError::unsupported_value(format!("tools[{at}].custom.format"), reason));
            }
            (name, "custom")
        }
        Tool::Other(_) => {
            let reason = "use 'function' or 'custom'.";
            return Err(ApiError::unsupported_value(format!("tools[{at}].type"), reason));
        }
    };
    check::identifier(&name.to_str(), max_name, || format!("tools[{at}].{inner}.name"))?;
    Ok(tool)
}

/// The schema of an object: providers demand the type, which OpenAI lets clients leave out.
pub(crate) fn write_object_schema(out: &mut Object, schema: Option<Raw<'_>>) {
    let Some(schema) = schema.filter(|schema| schema.fields().next().is_some()) else {
        return out.put(r#"{"type":"object","properties":{}}"#);
    };
    if schema.get("type").is_some_and(|kind| !kind.is_null()) {
        return out.put(schema.text());
    }
    out.put(r#"{"type":"object""#);
    for (name, value) in schema.fields().filter(|(name, _)| !name.eq_str("type")) {
        out.forward(name, value);
    }
    out.put("}");
}
