//! Borrowed views of tools, and of the choice among them.

use super::typed::{as_object, optional_text, require_object, require_text};
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

impl<'a> Tool<'a> {
    pub(super) fn read(at: usize, raw: Raw<'a>) -> Result<Self, ApiError> {
        let path = format!("tools[{at}]");
        if raw.kind() != Kind::Object {
            return Err(ApiError::invalid_type(path, "an object", raw.kind()));
        }
        let kind = require_text(raw, &path, "type")?;
        let optional_object = |parent: Raw<'a>, path: &str, name: &str| match parent.get(name) {
            Some(value) if !value.is_null() => as_object(Some(value), &path, name).map(Some),
            _ => Ok(None),
        };
        Ok(match &*kind.to_str() {
            "function" => {
                let (function, path) = require_object(raw, &path, "function")?;
                Self::Function {
                    name: require_text(function, &path, "name")?,
                    description: optional_text(function, &path, "description")?,
                    parameters: optional_object(function, &path, "parameters")?,
                    strict: function.get("strict").and_then(Raw::as_bool).unwrap_or(false),
                    raw,
                }
            }
            "custom" => {
                let (custom, path) = require_object(raw, &path, "custom")?;
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
                let (named, path) = require_object(raw, "tool_choice", kind)?;
                Ok(Self::Named(require_text(named, &path, "name")?))
            }
            "allowed_tools" => {
                let (allowed, path) = require_object(raw, "tool_choice", "allowed_tools")?;
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
        let (named, path) = require_object(tool, path, &kind.to_str())?;
        require_text(named, &path, "name")
    }
}
