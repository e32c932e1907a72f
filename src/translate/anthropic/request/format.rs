//! `response_format`.

use crate::error::ApiError;
use crate::json::{Kind, Raw};
use crate::translate::Dropped;
use crate::translate::anthropic::JsonObject;
use crate::translate::capability::claude::Capabilities;
use crate::translate::encode::format::{JSON_OBJECT, JsonSchema, Wanted};
use crate::translate::encode::schema::Grammar;
use crate::translate::encode::tools::{Tools, write_object_schema};
use crate::translate::encode::{Body, Plan, check};

/// The form that the answer has to have.
pub(super) enum Format<'a> {
    /// Any text.
    Text,
    /// A JSON object of any shape: an instruction, not a guarantee.
    Instructed,
    /// JSON of this schema.
    Schema(Vec<u8>),
    /// The input of a forced tool with this name and schema, where the model knows no schemas.
    Tool(JsonSchema<'a>),
}

impl<'a> Format<'a> {
    pub(super) fn read(
        format: Option<Raw<'a>>,
        json_object: JsonObject,
        capabilities: &Capabilities,
        dropped: &mut Dropped,
    ) -> Result<Self, ApiError> {
        Ok(match Wanted::read(format, json_object, dropped)? {
            Wanted::Text => Self::Text,
            Wanted::Instructed => Self::Instructed,
            Wanted::Schema(wanted) if capabilities.schemas => {
                Self::Schema(Grammar::for_answer(wanted.schema, dropped)?)
            }
            Wanted::Schema(wanted) => Self::Tool(wanted),
        })
    }

    /// The instruction that comes last in `system`.
    pub(super) fn instruction(&self) -> Option<&'static str> {
        matches!(self, Self::Instructed).then_some(JSON_OBJECT)
    }

    /// The name of the tool whose input is the answer.
    pub(super) fn tool(&self) -> Option<String> {
        if let Self::Tool(wanted) = self { Some(wanted.name.to_str().into_owned()) } else { None }
    }

    /// A forced tool leaves room neither for other tools nor for thinking.
    pub(super) fn check(&self, tools: &Tools<'_>, plan: Plan, capabilities: &Capabilities) -> Result<(), ApiError> {
        let conflict = match self {
            Self::Tool(_) if !tools.is_empty() => "together with 'tools'",
            Self::Tool(_) if plan.thinks() => "while it thinks",
            Self::Tool(_) if !capabilities.forced_tools => "at all",
            _ => return Ok(()),
        };
        let reason = format!("this model cannot be held to a JSON Schema {conflict}.");
        Err(ApiError::unsupported_value("response_format.type", reason))
    }

    /// Writes the forced tool, if it takes one.
    pub(super) fn write_tool(&self, body: &mut Body) {
        let &Self::Tool(JsonSchema { name, description, schema }) = self else { return };
        body.field("tools").put(r#"[{"name":"#);
        body.quoted(name);
        if let Some(description) = description {
            body.put(r#","description":"#);
            body.quoted(description);
        }
        body.put(r#","input_schema":"#);
        write_object_schema(body, Some(schema));
        body.put("}]");
        body.field("tool_choice").put(r#"{"type":"tool","name":"#);
        body.quoted(name);
        body.put(r#","disable_parallel_tool_use":true}"#);
    }

    /// Writes `output_config` with the format and the effort; what the client says there itself wins.
    pub(super) fn write_config(
        &self,
        body: &mut Body,
        effort: Option<&str>,
        client: Option<Raw<'_>>,
    ) -> Result<(), ApiError> {
        let schema = if let Self::Schema(schema) = self { Some(schema) } else { None };
        if let Some(client) = client.filter(|client| client.kind() != Kind::Object) {
            return Err(check::wrong_type(client, "output_config", "an object"));
        }
        if schema.is_none() && effort.is_none() && client.is_none() {
            return Ok(());
        }
        body.field("output_config").put("{");
        for (name, value) in client.into_iter().flat_map(Raw::fields) {
            body.forward(name, value);
        }
        let is_free = |name: &str| client.is_none_or(|client| client.get(name).is_none());
        if let Some(effort) = effort.filter(|_| is_free("effort")) {
            body.comma();
            body.put(r#""effort":"#);
            body.string(effort);
        }
        if let Some(schema) = schema.filter(|_| is_free("format")) {
            body.comma();
            body.put(r#""format":{"type":"json_schema","schema":"#);
            body.out.extend_from_slice(schema);
            body.put("}");
        }
        body.put("}");
        Ok(())
    }
}
