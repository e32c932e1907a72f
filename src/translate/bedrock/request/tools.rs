//! Tools, and the choice among them.

use super::reasoning::Plan;
use super::writer::kept;
use crate::chat::Tool;
use crate::error::ApiError;
use crate::json::{Raw, Text};
use crate::translate::Dropped;
use crate::translate::capability::bedrock::Capabilities;
use crate::translate::encode::schema::Grammar;
use crate::translate::encode::tools::{Choice as Asked, TEXT_INPUT, Tools, breakpoint, write_object_schema};
use crate::translate::encode::{Body, Mark};

/// The longest name that Converse takes, which is OpenAI's limit too.
pub(super) const MAX_NAME: usize = 64;

/// How strictly the arguments follow the schema, where that cannot be had.
const STRICT: &str = "tools.function.strict";

/// Where the choice is said.
pub(super) enum Choice<'a> {
    /// Nowhere: the model chooses.
    Free,
    /// Nowhere: there is nothing to choose from, or nothing may be called and nothing has been.
    NoTools,
    /// In `toolConfig.toolChoice`.
    Converse(Asked<'a>),
    /// In Claude's own words, among the model's own fields.
    Claude(String),
}

impl<'a> Choice<'a> {
    /// Converse cannot forbid calls, and a conversation in which there were some must declare tools. Claude can be told
    /// in its own words; for another model that corner is refused.
    pub(super) fn make(
        tools: &Tools<'a>,
        called: &[Text<'_>],
        parallel: bool,
        plan: Plan,
        capabilities: &Capabilities,
        dropped: &mut Dropped,
    ) -> Result<Self, ApiError> {
        plan.check_forced(tools)?;
        let is_claude = capabilities.as_claude().is_some();
        let forbidden = matches!(tools.choice, Some(Asked::None)) || tools.is_empty();
        if forbidden {
            return match (called.is_empty(), is_claude) {
                (true, _) => Ok(Self::NoTools),
                (false, true) => Ok(Self::Claude(r#"{"type":"none"}"#.to_owned())),
                (false, false) if tools.is_empty() => Ok(Self::Free),
                (false, false) => {
                    let reason = "this model cannot be kept from calling a tool in a conversation with calls.";
                    Err(ApiError::unsupported_value("tool_choice", reason))
                }
            };
        }
        if parallel || !is_claude {
            if !parallel {
                dropped.push("parallel_tool_calls");
            }
            return Ok(tools.choice.map_or(Self::Free, Self::Converse));
        }
        let mut choice = match tools.choice {
            Some(Asked::Any) => r#"{"type":"any""#.to_owned(),
            Some(Asked::Tool(name)) => format!(r#"{{"type":"tool","name":"{}""#, name.to_str()),
            _ => r#"{"type":"auto""#.to_owned(),
        };
        choice.push_str(r#","disable_parallel_tool_use":true}"#);
        Ok(Self::Claude(choice))
    }

    /// Claude's own `tool_choice`.
    pub(super) fn extra(&self) -> Option<&str> {
        if let Self::Claude(choice) = self { Some(choice) } else { None }
    }
}

/// Writes `toolConfig`. Without tools, those that were called are declared: Converse refuses a conversation otherwise.
pub(super) fn write(
    tools: &Tools<'_>,
    called: &[Text<'_>],
    choice: &Choice<'_>,
    body: &mut Body,
    capabilities: &Capabilities,
    dropped: &mut Dropped,
) {
    if matches!(choice, Choice::NoTools) {
        return;
    }
    body.field("toolConfig").put(r#"{"tools":["#);
    for tool in &tools.list {
        body.comma();
        let raw = match *tool {
            Tool::Function { name, description, parameters, strict, raw } => {
                write_head(body, name, description);
                write_object_schema(body, parameters);
                body.put("}");
                write_strict(body, strict, parameters, capabilities, dropped);
                raw
            }
            Tool::Custom { name, description, raw, .. } => {
                write_head(body, name, description);
                body.put(TEXT_INPUT);
                body.put("}");
                raw
            }
            _ => continue,
        };
        body.put("}}");
        body.mark(kept(breakpoint(raw).and_then(Mark::read), capabilities));
    }
    for name in called.iter().filter(|_| tools.is_empty()) {
        body.comma();
        write_head(body, *name, None);
        write_object_schema(body, None);
        body.put("}}}");
    }
    body.put("]");
    if let Choice::Converse(choice) = choice {
        write_choice(*choice, body);
    }
    body.put("}");
}

fn write_choice(choice: Asked<'_>, body: &mut Body) {
    match choice {
        Asked::Auto => body.put(r#","toolChoice":{"auto":{}}"#),
        Asked::Any => body.put(r#","toolChoice":{"any":{}}"#),
        Asked::Tool(name) => {
            body.put(r#","toolChoice":{"tool":{"name":"#);
            body.quoted(name);
            body.put("}}");
        }
        Asked::None => {}
    }
}

fn write_head(body: &mut Body, name: Text<'_>, description: Option<Text<'_>>) {
    body.put(r#"{"toolSpec":{"name":"#);
    body.quoted(name);
    if let Some(description) = description.filter(|description| !description.is_empty()) {
        body.put(r#","description":"#);
        body.quoted(description);
    }
    body.put(r#","inputSchema":{"json":"#);
}

/// Writes `strict` if the schema can be enforced as it stands. To leave out keywords would change the tool's contract more
/// than to leave out `strict` does.
fn write_strict(
    body: &mut Body,
    strict: bool,
    parameters: Option<Raw<'_>>,
    capabilities: &Capabilities,
    dropped: &mut Dropped,
) {
    let takes_schemas = capabilities.as_claude().is_some_and(|claude| claude.schemas);
    if strict && takes_schemas && parameters.is_some_and(Grammar::is_exactly) {
        body.put(r#","strict":true"#);
    } else if strict {
        dropped.push(STRICT);
    }
}
