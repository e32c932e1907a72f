//! Fields of a request that must have a type, and the errors that name them.
//!
//! Paths are only written out when an error needs them.

use std::fmt::{self, Display};

use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};

/// Where an element of a message's list stands.
pub(super) struct Place {
    pub(super) message: usize,
    pub(super) list: &'static str,
    pub(super) at: usize,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages[{}].{}[{}]", self.message, self.list, self.at)
    }
}

/// A field that must be there.
pub(super) fn require<T>(value: Option<T>, path: &dyn Display, field: &str) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::missing_parameter(format!("{path}.{field}")))
}

/// A field that must be there and an object.
pub(super) fn as_object<'a>(value: Option<Raw<'a>>, path: &dyn Display, field: &str) -> Result<Raw<'a>, ApiError> {
    let value = require(value, path, field)?;
    match value.kind() {
        Kind::Object => Ok(value),
        kind => Err(ApiError::invalid_type(format!("{path}.{field}"), "an object", kind)),
    }
}

/// A field that must be a string if it is set.
pub(super) fn as_text<'a>(
    value: Option<Raw<'a>>,
    path: &dyn Display,
    field: &str,
) -> Result<Option<Text<'a>>, ApiError> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let text = value.as_text();
    let wrong = || ApiError::invalid_type(format!("{path}.{field}"), "a string", value.kind());
    text.map(Some).ok_or_else(wrong)
}

/// A field that must be there and a string.
pub(super) fn must_be_text<'a>(value: Option<Raw<'a>>, path: &dyn Display, field: &str) -> Result<Text<'a>, ApiError> {
    require(as_text(value, path, field)?, path, field)
}

/// A field of an object that must be a string if it is set.
pub(super) fn optional_text<'a>(
    object: Raw<'a>,
    path: &dyn Display,
    field: &str,
) -> Result<Option<Text<'a>>, ApiError> {
    as_text(object.get(field), path, field)
}

/// A field of an object that must be there and a string.
pub(super) fn require_text<'a>(object: Raw<'a>, path: &dyn Display, field: &str) -> Result<Text<'a>, ApiError> {
    must_be_text(object.get(field), path, field)
}

/// A field of an object that must be there and an object, and its path.
pub(super) fn require_object<'a>(parent: Raw<'a>, path: &str, field: &str) -> Result<(Raw<'a>, String), ApiError> {
    Ok((as_object(parent.get(field), &path, field)?, format!("{path}.{field}")))
}
