//! Tools, and the choice among them.

use crate::chat::Tool;
use crate::error::ApiError;
use crate::json::{Raw, Text};
use crate::translate::Dropped;
use crate::translate::capability::claude::Capabilities;
use crate::translate::encode::schema::Grammar;
use crate::translate::encode::tools::{Choice, TEXT_INPUT, Tools, breakpoint, write_object_schema};
use crate::translate::encode::{Body, Mark, Plan};

/// The longest name that Anthropic takes; OpenAI's limit is 64.
pub(super) const MAX_NAME: usize = 128;

/// How strictly the arguments follow the schema, where that cannot be had; see [`write_function`].
const STRICT: &str = "tools.function.strict";

/// Writes `tools`.
pub(super) fn write(tools: &Tools<'_>, body: &mut Body, capabilities: &Capabilities, dropped: &mut Dropped) {
    if tools.is_empty() {
        return;
    }
    body.field("tools").put("[");
    for tool in &tools.list {
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
                body.put(TEXT_INPUT);
                raw
            }
            _ => continue,
        };
        body.mark(breakpoint(raw).and_then(Mark::read));
        body.put("}");
    }
    body.put("]");
}

/// Writes `tool_choice`. `parallel` is `parallel_tool_calls`.
pub(super) fn write_choice(tools: &Tools<'_>, body: &mut Body, parallel: bool, plan: Plan) -> Result<(), ApiError> {
    if tools.is_empty() {
        return Ok(());
    }
    plan.check_forced(tools)?;
    match tools.choice {
        None if parallel => return Ok(()),
        None | Some(Choice::Auto) => body.field("tool_choice").put(r#"{"type":"auto""#),
        Some(Choice::None) => body.field("tool_choice").put(r#"{"type":"none""#),
        Some(Choice::Any) => body.field("tool_choice").put(r#"{"type":"any""#),
        Some(Choice::Tool(name)) => {
            body.field("tool_choice").put(r#"{"type":"tool","name":"#);
            body.quoted(name);
        }
    }
    if !parallel && !matches!(tools.choice, Some(Choice::None)) {
        body.put(r#","disable_parallel_tool_use":true"#);
    }
    body.put("}");
    Ok(())
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
    let is_kept = strict && parameters.is_some_and(Grammar::is_exactly);
    write_object_schema(body, parameters);
    if is_kept {
        body.put(r#","strict":true"#);
    }
    is_kept
}
