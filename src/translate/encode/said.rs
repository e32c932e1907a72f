//! What an assistant message holds beside its content and its calls.

use super::carriers::Carriers;
use crate::chat::Message;
use crate::error::ApiError;
use crate::json::{Raw, Text};

/// The fields of an assistant message that are read in one pass.
#[derive(Default)]
pub(crate) struct Said<'a> {
    pub(crate) carriers: Carriers<'a>,
    pub(crate) refusal: Option<Text<'a>>,
}

impl<'a> Said<'a> {
    pub(crate) fn read(message: &Message<'a>) -> Result<Self, ApiError> {
        let mut said = Self::default();
        for (name, value) in message.more() {
            match &*name.to_str() {
                name if said.carriers.note(name, value) => {}
                "refusal" => said.refusal = value.as_text().filter(|text| !text.is_empty()),
                "audio" => return Err(ApiError::unsupported_parameter(message.path("audio"))),
                "function_call" => {
                    let reason = "'function_call' is deprecated; send 'tool_calls'.";
                    return Err(ApiError::unsupported_value(message.path("function_call"), reason));
                }
                _ => {}
            }
        }
        Ok(said)
    }
}

/// The arguments of a function as the object that they must be, `levels` deep in the request. Models write nothing at
/// all, or `null`, for no arguments.
pub(crate) fn arguments(text: &str, levels: u32) -> Option<&str> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    match text {
        "" | "null" => Some("{}"),
        _ => Raw::parse_inside(text, levels).ok().filter(|value| value.text().starts_with('{')).map(Raw::text),
    }
}
