//! `response_format`.

use crate::error::ApiError;
use crate::json::{Raw, write_compact};
use crate::translate::Dropped;
use crate::translate::bedrock::JsonObject;
use crate::translate::capability::bedrock::Capabilities;
use crate::translate::encode::Body;
use crate::translate::encode::format::{JSON_OBJECT, JsonSchema, Wanted};
use crate::translate::encode::schema::Grammar;

/// The form that the answer has to have.
pub(super) enum Format<'a> {
    Text,
    /// A JSON object of any shape: an instruction, not a guarantee.
    Instructed,
    /// JSON of this schema, which is written as text.
    Schema(JsonSchema<'a>, String),
}

impl<'a> Format<'a> {
    /// A model that takes no schemas says so itself: AWS publishes no list of them.
    pub(super) fn read(
        format: Option<Raw<'a>>,
        json_object: JsonObject,
        capabilities: &Capabilities,
        dropped: &mut Dropped,
    ) -> Result<Self, ApiError> {
        Ok(match Wanted::read(format, json_object, dropped)? {
            Wanted::Text => Self::Text,
            Wanted::Instructed => Self::Instructed,
            Wanted::Schema(wanted) => {
                let schema = match capabilities.as_claude() {
                    Some(_) => Grammar::for_answer(wanted.schema, dropped)?,
                    None => wanted.schema.text().as_bytes().to_vec(),
                };
                let mut compact = Vec::with_capacity(schema.len());
                write_compact(&mut compact, Raw::from_bytes(&schema).map_err(|_| ApiError::internal())?);
                Self::Schema(wanted, String::from_utf8(compact).map_err(|_| ApiError::internal())?)
            }
        })
    }

    /// The instruction that comes last in `system`.
    pub(super) fn instruction(&self) -> Option<&'static str> {
        matches!(self, Self::Instructed).then_some(JSON_OBJECT)
    }

    /// Writes `outputConfig`.
    pub(super) fn write(&self, body: &mut Body) {
        let Self::Schema(JsonSchema { name, description, .. }, schema) = self else { return };
        let head = r#"{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"#;
        body.field("outputConfig").put(head);
        body.quoted(*name);
        if let Some(description) = description.filter(|description| !description.is_empty()) {
            body.put(r#","description":"#);
            body.quoted(description);
        }
        body.put(r#","schema":"#);
        body.string(schema);
        body.put("}}}}");
    }
}
