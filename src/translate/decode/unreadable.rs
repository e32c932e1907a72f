//! What is no answer.

use crate::error::ApiError;
use crate::json::{Fault, Raw, Text};

/// The provider sent what is not JSON, or JSON of the wrong shape. Nothing of it is shown to the client.
#[derive(Debug)]
pub(crate) struct Unreadable;

impl From<Fault> for Unreadable {
    fn from(_: Fault) -> Self {
        Self
    }
}

impl From<Unreadable> for ApiError {
    fn from(_: Unreadable) -> Self {
        Self::upstream_error("The upstream provider's answer could not be read.")
    }
}

/// A string that may be absent or `null`, and is empty then.
pub(crate) fn string(value: Option<Raw<'_>>) -> Result<Text<'_>, Unreadable> {
    match value {
        Some(value) if !value.is_null() => value.as_text().ok_or(Unreadable),
        _ => Ok(Text::plain("")),
    }
}
