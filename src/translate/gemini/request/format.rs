//! `response_format`.

use std::borrow::Cow;

use super::openapi;
use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::Dropped;
use crate::translate::capability::gemini::Capabilities;
use crate::translate::encode::format::{JsonObject, SCHEMA, Wanted};

/// The form that the answer has to have.
pub(super) enum Format<'a> {
    Text,
    /// Any JSON.
    Json,
    /// JSON of this schema, in a field of this name.
    Schema(&'static str, Cow<'a, [u8]>),
}

impl<'a> Format<'a> {
    pub(super) fn read(
        format: Option<Raw<'a>>,
        capabilities: &Capabilities,
        dropped: &mut Dropped,
    ) -> Result<Self, ApiError> {
        let kind = format.and_then(|format| format.get("type")).and_then(Raw::as_text);
        if kind.is_some_and(|kind| kind.eq_str("json_object")) {
            return Ok(Self::Json);
        }
        match Wanted::read(format, JsonObject::Refuse, dropped)? {
            Wanted::Text | Wanted::Instructed => Ok(Self::Text),
            Wanted::Schema(wanted) if capabilities.json_schemas => {
                Ok(Self::Schema("responseJsonSchema", wanted.schema.text().as_bytes().into()))
            }
            Wanted::Schema(wanted) => {
                let lowered = openapi::lower(wanted.schema, || SCHEMA.to_owned())?;
                if lowered.is_looser {
                    dropped.push(SCHEMA);
                }
                Ok(Self::Schema("responseSchema", lowered.json.into()))
            }
        }
    }

    pub(super) fn media_type(&self) -> Option<&'static str> {
        if let Self::Text = self { None } else { Some("application/json") }
    }

    pub(super) fn schema(&self) -> Option<(&'static str, &[u8])> {
        if let Self::Schema(name, schema) = self { Some((*name, schema)) } else { None }
    }
}
