//! Borrowed views of messages and their parts.

use super::tool::ToolCall;
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};

/// One message of the conversation.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    at: usize,
    role: Role<'a>,
    content: Option<Raw<'a>>,
    tool_calls: Option<Raw<'a>>,
    raw: Raw<'a>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Role<'a> {
    /// `system`: the operator's instructions.
    System,
    /// `developer`: what newer OpenAI models call `system`.
    Developer,
    /// `user`.
    User,
    /// `assistant`: the model.
    Assistant,
    /// `tool`: the result of a tool call.
    Tool,
    /// A role that this library does not know.
    Other(Text<'a>),
}

impl<'a> Role<'a> {
    fn read(role: Text<'a>) -> Self {
        match &*role.to_str() {
            "system" => Self::System,
            "developer" => Self::Developer,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" => Self::Tool,
            _ => Self::Other(role),
        }
    }
}

impl<'a> Message<'a> {
    pub(super) fn read(at: usize, raw: Raw<'a>) -> Result<Self, ApiError> {
        let (mut role, mut content, mut tool_calls) = (None, None, None);
        for (name, value) in raw.fields().filter(|(_, value)| !value.is_null()) {
            match &*name.to_str() {
                "role" => role = value.as_text(),
                "content" => content = Some(value),
                "tool_calls" => tool_calls = Some(value),
                _ => {}
            }
        }
        let role = role.ok_or_else(|| ApiError::missing_parameter(format!("messages[{at}].role")))?;
        let message = Self { at, role: Role::read(role), content, tool_calls, raw };
        message.expect(content, "content", &[Kind::String, Kind::Array], "a string or an array")?;
        message.expect(tool_calls, "tool_calls", &[Kind::Array], "an array")?;
        Ok(message)
    }

    fn expect(&self, value: Option<Raw<'a>>, name: &str, kinds: &[Kind], expected: &str) -> Result<(), ApiError> {
        match value.map(Raw::kind).filter(|kind| !kinds.contains(kind)) {
            Some(kind) => Err(ApiError::invalid_type(self.path(name), expected, &kind.to_string())),
            None => Ok(()),
        }
    }

    /// The place of a field in the request, such as `messages[2].content`: what errors name.
    pub fn path(&self, field: &str) -> String {
        format!("messages[{}].{field}", self.at)
    }

    /// The place of the message in the conversation.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Who speaks.
    pub fn role(&self) -> Role<'a> {
        self.role
    }

    /// The content as the client sent it: a string or an array, if there is any.
    pub fn content(&self) -> Option<Raw<'a>> {
        self.content
    }

    /// The parts of the content. A string is one part of text; an empty string too.
    ///
    /// # Errors
    /// Each item is 400 `invalid_request_error` if that part lacks what its type demands.
    pub fn parts(&self) -> impl Iterator<Item = Result<Part<'a>, ApiError>> {
        let whole = self.content.and_then(Raw::as_text).map(|text| Ok(Part::text(self.at, text)));
        let at = self.at;
        let parts = self.content.into_iter().flat_map(Raw::elements).enumerate();
        whole.into_iter().chain(parts.map(move |(part, raw)| Part::read(at, part, raw)))
    }

    /// The tools that an assistant message calls.
    ///
    /// # Errors
    /// Each item is 400 `invalid_request_error` if that call lacks what its type demands.
    pub fn tool_calls(&self) -> impl Iterator<Item = Result<ToolCall<'a>, ApiError>> {
        let at = self.at;
        let calls = self.tool_calls.into_iter().flat_map(Raw::elements).enumerate();
        calls.map(move |(call, raw)| ToolCall::read(at, call, raw))
    }

    /// Any field that is set; `null` counts as absent.
    pub fn get(&self, field: &str) -> Option<Raw<'a>> {
        self.raw.get(field).filter(|value| !value.is_null())
    }

    /// A field that must be a string if it is set.
    ///
    /// # Errors
    /// 400 `invalid_type` if it is something else.
    pub fn get_text(&self, field: &str) -> Result<Option<Text<'a>>, ApiError> {
        let value = self.get(field);
        self.expect(value, field, &[Kind::String], "a string")?;
        Ok(value.and_then(Raw::as_text))
    }

    /// The whole message as the client sent it.
    pub fn raw(&self) -> Raw<'a> {
        self.raw
    }
}

/// A part of a message's content.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    message: usize,
    at: Option<usize>,
    kind: PartKind<'a>,
    raw: Option<Raw<'a>>,
}

/// What a part holds.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum PartKind<'a> {
    /// `text`.
    Text(Text<'a>),
    /// `refusal`: an assistant's refusal.
    Refusal(Text<'a>),
    /// `image_url`.
    Image {
        /// An `https:` or `data:` URL.
        url: Text<'a>,
    },
    /// `input_audio`.
    Audio {
        /// Base64.
        data: Text<'a>,
        /// `wav` or `mp3`.
        format: Text<'a>,
    },
    /// `file`.
    File {
        /// A `data:` URL.
        data: Option<Text<'a>>,
        /// The id of an uploaded file.
        id: Option<Text<'a>>,
        /// The file's name.
        name: Option<Text<'a>>,
    },
    /// A part that this library does not know; its `type`.
    Other(Text<'a>),
}

impl<'a> Part<'a> {
    fn text(message: usize, text: Text<'a>) -> Self {
        Self { message, at: None, kind: PartKind::Text(text), raw: None }
    }

    fn read(message: usize, at: usize, raw: Raw<'a>) -> Result<Self, ApiError> {
        let path = format!("messages[{message}].content[{at}]");
        if raw.kind() != Kind::Object {
            return Err(ApiError::invalid_type(path, "an object", &raw.kind().to_string()));
        }
        let kind = require_text(raw, &path, "type")?;
        let inner = |name: &'static str| match raw.get(name) {
            Some(value) if value.kind() == Kind::Object => Ok((value, format!("{path}.{name}"))),
            Some(value) => {
                Err(ApiError::invalid_type(format!("{path}.{name}"), "an object", &value.kind().to_string()))
            }
            None => Err(ApiError::missing_parameter(format!("{path}.{name}"))),
        };
        let kind = match &*kind.to_str() {
            "text" => PartKind::Text(require_text(raw, &path, "text")?),
            "refusal" => PartKind::Refusal(require_text(raw, &path, "refusal")?),
            "image_url" => {
                let (image, path) = inner("image_url")?;
                PartKind::Image { url: require_text(image, &path, "url")? }
            }
            "input_audio" => {
                let (audio, path) = inner("input_audio")?;
                PartKind::Audio {
                    data: require_text(audio, &path, "data")?,
                    format: require_text(audio, &path, "format")?,
                }
            }
            "file" => {
                let (file, path) = inner("file")?;
                PartKind::File {
                    data: optional_text(file, &path, "file_data")?,
                    id: optional_text(file, &path, "file_id")?,
                    name: optional_text(file, &path, "filename")?,
                }
            }
            _ => PartKind::Other(kind),
        };
        Ok(Self { message, at: Some(at), kind, raw: Some(raw) })
    }

    /// What the part holds.
    pub fn kind(&self) -> PartKind<'a> {
        self.kind
    }

    /// The place of the part in the request, such as `messages[2].content[1]`: what errors name.
    pub fn path(&self) -> String {
        match self.at {
            Some(at) => format!("messages[{}].content[{at}]", self.message),
            None => format!("messages[{}].content", self.message),
        }
    }

    /// Any field that is set; `null` counts as absent. A message whose content is a string has none.
    pub fn get(&self, field: &str) -> Option<Raw<'a>> {
        self.raw?.get(field).filter(|value| !value.is_null())
    }
}

/// A field that must be there and a string.
pub(super) fn require_text<'a>(object: Raw<'a>, path: &str, field: &str) -> Result<Text<'a>, ApiError> {
    optional_text(object, path, field)?.ok_or_else(|| ApiError::missing_parameter(format!("{path}.{field}")))
}

/// A field that must be a string if it is set.
pub(super) fn optional_text<'a>(object: Raw<'a>, path: &str, field: &str) -> Result<Option<Text<'a>>, ApiError> {
    match object.get(field).filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(value) => value
            .as_text()
            .map(Some)
            .ok_or_else(|| ApiError::invalid_type(format!("{path}.{field}"), "a string", &value.kind().to_string())),
    }
}
