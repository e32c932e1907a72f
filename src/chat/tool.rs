//! Borrowed views of tools, the choice among them, and calls to them.

use super::message::{Place, as_object, as_text, optional_text, require, require_text};
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};

/// A tool that the model may call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Tool<'a> {
    /// `function`.
    Function {
        /// Its name.
        name: Text<'a>,
        /// What it does.
        description: Option<Text<'a>>,
        /// The JSON Schema of its arguments; absent means that it takes none.
        parameters: Option<Raw<'a>>,
        /// Whether the arguments must match the schema exactly.
        strict: bool,
        /// The whole tool as the client sent it.
        raw: Raw<'a>,
    },
    /// `custom`: takes free text instead of JSON.
    Custom {
        /// Its name.
        name: Text<'a>,
        /// What it does.
        description: Option<Text<'a>>,
        /// The `format` object; absent means any text.
        format: Option<Raw<'a>>,
        /// The whole tool as the client sent it.
        raw: Raw<'a>,
    },
    /// A kind that this library does not know; its `type`.
    Other(Text<'a>),
}

/// The object under a name of its parent, and its path.
fn object<'a>(parent: Raw<'a>, path: &str, name: &str) -> Result<(Raw<'a>, String), ApiError> {
    let path = format!("{path}.{name}");
    match parent.get(name) {
        Some(value) if value.kind() == Kind::Object => Ok((value, path)),
        Some(value) => Err(ApiError::invalid_type(path, "an object", &value.kind().to_string())),
        None => Err(ApiError::missing_parameter(path)),
    }
}

impl<'a> Tool<'a> {
    pub(super) fn read(at: usize, raw: Raw<'a>) -> Result<Self, ApiError> {
        let path = format!("tools[{at}]");
        if raw.kind() != Kind::Object {
            return Err(ApiError::invalid_type(path, "an object", &raw.kind().to_string()));
        }
        let kind = require_text(raw, &path, "type")?;
        let optional_object = |parent: Raw<'a>, path: &str, name: &str| match parent.get(name) {
            Some(value) if !value.is_null() => object(parent, path, name).map(|_| Some(value)),
            _ => Ok(None),
        };
        Ok(match &*kind.to_str() {
            "function" => {
                let (function, path) = object(raw, &path, "function")?;
                Self::Function {
                    name: require_text(function, &path, "name")?,
                    description: optional_text(function, &path, "description")?,
                    parameters: optional_object(function, &path, "parameters")?,
                    strict: function.get("strict").and_then(Raw::as_bool).unwrap_or(false),
                    raw,
                }
            }
            "custom" => {
                let (custom, path) = object(raw, &path, "custom")?;
                Self::Custom {
                    name: require_text(custom, &path, "name")?,
                    description: optional_text(custom, &path, "description")?,
                    format: optional_object(custom, &path, "format")?,
                    raw,
                }
            }
            _ => Self::Other(kind),
        })
    }

    /// The tool's name, if its kind is known.
    pub fn name(&self) -> Option<Text<'a>> {
        match *self {
            Self::Function { name, .. } | Self::Custom { name, .. } => Some(name),
            Self::Other(_) => None,
        }
    }
}

/// Which tool the model has to call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ToolChoice<'a> {
    /// `none`: no tool.
    None,
    /// `auto`: as it likes.
    Auto,
    /// `required`: any one.
    Required,
    /// This one.
    Named(Text<'a>),
    /// `allowed_tools`: as it likes, or any one, of these.
    Allowed {
        /// Whether one of them must be called.
        required: bool,
        /// Their names.
        names: Vec<Text<'a>>,
    },
}

impl<'a> ToolChoice<'a> {
    pub(super) fn read(raw: Raw<'a>) -> Result<Self, ApiError> {
        let Some(word) = raw.as_text() else { return Self::read_object(raw) };
        match &*word.to_str() {
            "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            "required" => Ok(Self::Required),
            _ => Err(ApiError::invalid_value("tool_choice", "use 'none', 'auto', 'required' or an object.")),
        }
    }

    fn read_object(raw: Raw<'a>) -> Result<Self, ApiError> {
        let kind = require_text(raw, &"tool_choice", "type")?;
        match &*kind.to_str() {
            kind @ ("function" | "custom") => {
                let (named, path) = object(raw, "tool_choice", kind)?;
                Ok(Self::Named(require_text(named, &path, "name")?))
            }
            "allowed_tools" => {
                let (allowed, path) = object(raw, "tool_choice", "allowed_tools")?;
                let required = match &*require_text(allowed, &path, "mode")?.to_str() {
                    "auto" => false,
                    "required" => true,
                    _ => return Err(ApiError::invalid_value(format!("{path}.mode"), "use 'auto' or 'required'.")),
                };
                let tools = allowed.get("tools").into_iter().flat_map(Raw::elements).enumerate();
                let names = tools.map(|(at, tool)| Self::allowed_name(tool, &format!("{path}.tools[{at}]")));
                Ok(Self::Allowed { required, names: names.collect::<Result<_, _>>()? })
            }
            _ => Err(ApiError::invalid_value("tool_choice.type", "use 'function', 'custom' or 'allowed_tools'.")),
        }
    }

    fn allowed_name(tool: Raw<'a>, path: &str) -> Result<Text<'a>, ApiError> {
        let kind = require_text(tool, &path, "type")?;
        let (named, path) = object(tool, path, &kind.to_str())?;
        require_text(named, &path, "name")
    }
}

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
            return Err(ApiError::invalid_type(place.to_string(), "an object", &raw.kind().to_string()));
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
        let id = require(as_text(id, &place, "id")?, &place, "id")?;
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
