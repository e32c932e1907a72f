//! `response_format`.

use super::body::Body;
use super::schema::{Grammar, Unsupported};
use super::thinking::Plan;
use super::tools::{Tools, write_object_schema};
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};
use crate::translate::Dropped;
use crate::translate::anthropic::JsonObject;
use crate::translate::capability::claude::Capabilities;
use crate::translate::encode::check;

/// The instruction that stands for `json_object`. OpenAI itself demands that the prompt asks for JSON.
const JSON_OBJECT: &str = "Answer with a single JSON object and nothing else.";

/// The form that the answer has to have.
pub(super) enum Format<'a> {
    /// Any text.
    Text,
    /// A JSON object of any shape: an instruction, not a guarantee.
    Instructed,
    /// JSON of this schema.
    Schema(Vec<u8>),
    /// The input of a forced tool with this name and schema, where the model knows no schemas.
    Tool { name: Text<'a>, description: Option<Text<'a>>, schema: Raw<'a> },
}

impl<'a> Format<'a> {
    pub(super) fn read(
        format: Option<Raw<'a>>,
        json_object: JsonObject,
        capabilities: &Capabilities,
        dropped: &mut Dropped,
    ) -> Result<Self, ApiError> {
        let Some(format) = format else { return Ok(Self::Text) };
        let kind = format.get("type").ok_or_else(|| ApiError::missing_parameter("response_format.type"))?;
        match check::word(kind, "response_format.type", &["text", "json_object", "json_schema"])? {
            "json_object" if json_object == JsonObject::Emulate => {
                dropped.push("response_format");
                Ok(Self::Instructed)
            }
            "json_object" => {
                let reason = "this model cannot be held to JSON without a schema; use 'json_schema'.";
                Err(ApiError::unsupported_value("response_format.type", reason))
            }
            "json_schema" => Self::read_schema(format, capabilities, dropped),
            _ => Ok(Self::Text),
        }
    }

    fn read_schema(format: Raw<'a>, capabilities: &Capabilities, dropped: &mut Dropped) -> Result<Self, ApiError> {
        const SCHEMA: &str = "response_format.json_schema.schema";
        let outer = object(format.get("json_schema"), "response_format.json_schema")?;
        let schema = object(outer.get("schema"), SCHEMA)?;
        let name = outer.get("name").ok_or_else(|| ApiError::missing_parameter("response_format.json_schema.name"))?;
        let path = "response_format.json_schema.name";
        let name = name.as_text().ok_or_else(|| check::wrong_type(name, path, "a string"))?;
        check::identifier(&name.to_str(), 64, || path.to_owned())?;
        if !capabilities.schemas {
            let description = outer.get("description").and_then(Raw::as_text);
            return Ok(Self::Tool { name, description, schema });
        }
        let grammar = Grammar::of(schema).map_err(|unsupported| {
            let reason = match unsupported {
                Unsupported::Keyword(keyword) => format!("this model cannot be held to '{keyword}'."),
                Unsupported::OpenObject => {
                    "this model takes no objects with keys that the schema does not name.".into()
                }
            };
            ApiError::unsupported_value(SCHEMA, reason)
        })?;
        if grammar.looser {
            dropped.push(SCHEMA);
        }
        Ok(Self::Schema(grammar.json))
    }

    /// The instruction that comes last in `system`.
    pub(super) fn instruction(&self) -> Option<&'static str> {
        matches!(self, Self::Instructed).then_some(JSON_OBJECT)
    }

    /// The name of the tool whose input is the answer.
    pub(super) fn tool(&self) -> Option<String> {
        if let Self::Tool { name, .. } = self { Some(name.to_str().into_owned()) } else { None }
    }

    /// A forced tool leaves room neither for other tools nor for thinking.
    pub(super) fn check(&self, tools: &Tools<'_>, plan: Plan, capabilities: &Capabilities) -> Result<(), ApiError> {
        let conflict = match self {
            Self::Tool { .. } if !tools.is_empty() => "together with 'tools'",
            Self::Tool { .. } if plan.thinks() => "while it thinks",
            Self::Tool { .. } if !capabilities.forced_tools => "at all",
            _ => return Ok(()),
        };
        let reason = format!("this model cannot be held to a JSON Schema {conflict}.");
        Err(ApiError::unsupported_value("response_format.type", reason))
    }

    /// Writes the forced tool, if it takes one.
    pub(super) fn write_tool(&self, body: &mut Body) {
        let Self::Tool { name, description, schema } = *self else { return };
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

fn object<'a>(value: Option<Raw<'a>>, path: &'static str) -> Result<Raw<'a>, ApiError> {
    match value.filter(|value| !value.is_null()) {
        Some(value) if value.kind() == Kind::Object => Ok(value),
        Some(value) => Err(check::wrong_type(value, path, "an object")),
        None => Err(ApiError::missing_parameter(path)),
    }
}
