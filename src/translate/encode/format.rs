//! `response_format`, as far as every protocol reads it alike.

use super::check;
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};
use crate::translate::Dropped;

/// The instruction that stands for `json_object`. OpenAI itself demands that the prompt asks for JSON.
pub(crate) const JSON_OBJECT: &str = "Answer with a single JSON object and nothing else.";

/// Where a schema stands.
pub(crate) const SCHEMA: &str = "response_format.json_schema.schema";

/// What to do about `response_format: {"type": "json_object"}`, for which the provider has nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonObject {
    /// Ask for it in one sentence after the instructions, and report the field: nothing holds the model to it.
    #[default]
    Emulate,
    /// Refuse the request.
    Refuse,
}

/// The form that the client asks for.
pub(crate) enum Wanted<'a> {
    Text,
    /// A JSON object of any shape: an instruction, not a guarantee.
    Instructed,
    Schema(JsonSchema<'a>),
}

/// `json_schema`.
pub(crate) struct JsonSchema<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) description: Option<Text<'a>>,
    pub(crate) schema: Raw<'a>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn read(
        format: Option<Raw<'a>>,
        json_object: JsonObject,
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
            "json_schema" => JsonSchema::read(format).map(Self::Schema),
            _ => Ok(Self::Text),
        }
    }
}

impl<'a> JsonSchema<'a> {
    fn read(format: Raw<'a>) -> Result<Self, ApiError> {
        let outer = object(format.get("json_schema"), "response_format.json_schema")?;
        let schema = object(outer.get("schema"), SCHEMA)?;
        let name = outer.get("name").ok_or_else(|| ApiError::missing_parameter("response_format.json_schema.name"))?;
        let path = "response_format.json_schema.name";
        let name = name.as_text().ok_or_else(|| check::wrong_type(name, path, "a string"))?;
        check::identifier(&name.to_str(), 64, || path.to_owned())?;
        let description = outer.get("description").and_then(Raw::as_text);
        Ok(Self { name, description, schema })
    }
}

fn object<'a>(value: Option<Raw<'a>>, path: &'static str) -> Result<Raw<'a>, ApiError> {
    match value.filter(|value| !value.is_null()) {
        Some(value) if value.kind() == Kind::Object => Ok(value),
        Some(value) => Err(check::wrong_type(value, path, "an object")),
        None => Err(ApiError::missing_parameter(path)),
    }
}
