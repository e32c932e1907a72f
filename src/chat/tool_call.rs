//! Borrowed views of the tool calls of an assistant message.

use super::typed::{Place, as_object, as_text, must_be_text, require};
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};

/// A call in an assistant message.
#[derive(Clone, Copy, Debug)]
pub struct ToolCall<'a> {
    /// The id that the result refers to.
    pub id: Text<'a>,
    /// The tool's name.
    pub name: Text<'a>,
    /// A function's arguments: JSON text that the model wrote, and that may be empty or broken. A custom tool's input.
    pub arguments: Text<'a>,
    /// Whether it is a `custom` tool.
    pub is_custom: bool,
    /// The whole call as the client sent it.
    pub raw: Raw<'a>,
    message: usize,
    at: usize,
}

impl<'a> ToolCall<'a> {
    /// One pass over the call, whose arguments may be long.
    pub(super) fn read(message: usize, at: usize, raw: Raw<'a>) -> Result<Self, ApiError> {
        let place = Place { message, list: "tool_calls", at };
        if raw.kind() != Kind::Object {
            return Err(ApiError::invalid_type(place.to_string(), "an object", raw.kind()));
        }
        let (mut id, mut function, mut custom) = (None, None, None);
        for (name, value) in raw.fields().filter(|(_, value)| !value.is_null()) {
            match &*name.to_str() {
                "id" => id = Some(value),
                "function" => function = Some(value),
                "custom" => custom = Some(value),
                _ => {}
            }
        }
        let id = must_be_text(id, &place, "id")?;
        let is_custom = custom.is_some();
        let (inner, text) = if is_custom { ("custom", "input") } else { ("function", "arguments") };
        let (mut name, mut arguments) = (None, None);
        for (key, value) in as_object(custom.or(function), &place, inner)?.fields() {
            match &*key.to_str() {
                "name" => name = Some(value),
                key if key == text => arguments = Some(value),
                _ => {}
            }
        }
        let name = as_text(name, &format_args!("{place}.{inner}"), "name")?;
        let arguments = as_text(arguments, &format_args!("{place}.{inner}"), text)?;
        Ok(Self {
            id,
            name: require(name, &format_args!("{place}.{inner}"), "name")?,
            arguments: arguments.unwrap_or(Text::plain("")),
            is_custom,
            raw,
            message,
            at,
        })
    }

    /// The place of a field of the call in the request: what errors name.
    pub fn path(&self, field: &str) -> String {
        format!("messages[{}].tool_calls[{}].{field}", self.message, self.at)
    }
}
