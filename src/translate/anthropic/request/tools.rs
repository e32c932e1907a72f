//! Tools, and the choice among them.

use std::borrow::Cow;
use std::collections::HashSet;

use super::body::Body;
use super::cache::Mark;
use super::schema::Grammar;
use super::thinking::Plan;
use crate::chat::{ChatRequest, Tool, ToolChoice};
use crate::error::ApiError;
use crate::json::{Raw, Text};
use crate::translate::Dropped;
use crate::translate::capability::claude::Capabilities;
use crate::translate::encode::check;

/// The longest name that Anthropic takes; OpenAI's limit is 64.
const MAX_NAME: usize = 128;

/// How strictly the arguments follow the schema, where that cannot be had; see [`write_function`].
const STRICT: &str = "tools.function.strict";

/// The tools that the model is shown, and which of them it must call.
pub(super) struct Tools<'a> {
    list: Vec<Tool<'a>>,
    choice: Option<Choice<'a>>,
}

enum Choice<'a> {
    Auto,
    None,
    Any,
    Tool(Text<'a>),
}

impl<'a> Tools<'a> {
    pub(super) fn read(chat: &'a ChatRequest, capabilities: &Capabilities) -> Result<Self, ApiError> {
        let mut list = Vec::new();
        for (at, tool) in chat.tools().enumerate() {
            list.push(checked(tool?, at)?);
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
        if tools.is_forced() && !capabilities.forced_tools {
            let reason = "this model cannot be forced to call a tool; use 'auto' or 'none'.";
            return Err(ApiError::unsupported_value("tool_choice", reason));
        }
        Ok(tools)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one must be called.
    fn is_forced(&self) -> bool {
        matches!(self.choice, Some(Choice::Any | Choice::Tool(_)))
    }

    /// The names of the tools that take text instead of JSON.
    pub(super) fn custom(&self) -> Vec<String> {
        let custom = self.list.iter().filter(|tool| matches!(tool, Tool::Custom { .. }));
        custom.filter_map(|tool| tool.name().map(|name| name.to_str().into_owned())).collect()
    }

    /// Writes `tools`.
    pub(super) fn write(&self, body: &mut Body, capabilities: &Capabilities, dropped: &mut Dropped) {
        if self.list.is_empty() {
            return;
        }
        body.field("tools").put("[");
        for tool in &self.list {
            body.comma();
            let raw = match *tool {
                Tool::Function { name, description, parameters, strict, raw } => {
                    write_head(body, name, description);
                    let is_kept = write_function(body, parameters, strict && capabilities.schemas);
                    if strict && !is_kept {
                        dropped.push(STRICT);
                    }
                    raw
                }
                Tool::Custom { name, description, raw, .. } => {
                    write_head(body, name, description);
                    body.put(r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#);
                    raw
                }
                _ => continue,
            };
            let breakpoint = raw.get("cache_control").or_else(|| raw.get("function")?.get("cache_control"));
            body.mark(breakpoint.filter(|mark| !mark.is_null()).and_then(Mark::read));
            body.put("}");
        }
        body.put("]");
    }

    /// Writes `tool_choice`. `parallel` is `parallel_tool_calls`.
    pub(super) fn write_choice(&self, body: &mut Body, parallel: bool, plan: Plan) -> Result<(), ApiError> {
        if self.list.is_empty() {
            return Ok(());
        }
        if self.is_forced() && matches!(plan, Plan::Budget(_)) {
            let reason = "this model cannot be forced to call a tool while it thinks; leave out 'reasoning_effort'.";
            return Err(ApiError::unsupported_value("tool_choice", reason));
        }
        match self.choice {
            None if parallel => return Ok(()),
            None | Some(Choice::Auto) => body.field("tool_choice").put(r#"{"type":"auto""#),
            Some(Choice::None) => body.field("tool_choice").put(r#"{"type":"none""#),
            Some(Choice::Any) => body.field("tool_choice").put(r#"{"type":"any""#),
            Some(Choice::Tool(name)) => {
                body.field("tool_choice").put(r#"{"type":"tool","name":"#);
                body.quoted(name);
            }
        }
        if !parallel && !matches!(self.choice, Some(Choice::None)) {
            body.put(r#","disable_parallel_tool_use":true"#);
        }
        body.put("}");
        Ok(())
    }
}

fn checked(tool: Tool<'_>, at: usize) -> Result<Tool<'_>, ApiError> {
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
    check::identifier(&name.to_str(), MAX_NAME, || format!("tools[{at}].{inner}.name"))?;
    Ok(tool)
}

fn write_head(body: &mut Body, name: Text<'_>, description: Option<Text<'_>>) {
    body.put(r#"{"name":"#);
    body.quoted(name);
    if let Some(description) = description {
        body.put(r#","description":"#);
        body.quoted(description);
    }
    body.put(r#","input_schema":"#);
}

/// Writes the schema, and `strict` if it can be enforced as it stands. To leave out keywords would change the tool's
/// contract more than to leave out `strict` does. Whether it was kept.
fn write_function(body: &mut Body, parameters: Option<Raw<'_>>, strict: bool) -> bool {
    let is_kept =
        strict && parameters.is_some_and(|schema| Grammar::of(schema).is_ok_and(|grammar| grammar.is_exact()));
    write_object_schema(body, parameters);
    if is_kept {
        body.put(r#","strict":true"#);
    }
    is_kept
}

/// The schema of an object: Anthropic demands the type, which OpenAI lets clients leave out.
pub(super) fn write_object_schema(body: &mut Body, schema: Option<Raw<'_>>) {
    let Some(schema) = schema.filter(|schema| schema.fields().next().is_some()) else {
        return body.put(r#"{"type":"object","properties":{}}"#);
    };
    if schema.get("type").is_some_and(|kind| !kind.is_null()) {
        return body.put(schema.text());
    }
    body.put(r#"{"type":"object""#);
    for (name, value) in schema.fields().filter(|(name, _)| !name.eq_str("type")) {
        body.forward(name, value);
    }
    body.put("}");
}
