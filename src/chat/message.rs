//! Borrowed views of messages and their parts.

use std::borrow::Cow;

use std::fmt::{self, Display};

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
    breakpoint: Option<Raw<'a>>,
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
        let (mut role, mut content, mut tool_calls, mut breakpoint) = (None, None, None, None);
        for (name, value) in raw.fields().filter(|(_, value)| !value.is_null()) {
            match &*name.to_str() {
                "role" => role = value.as_text(),
                "content" => content = Some(value),
                "tool_calls" => tool_calls = Some(value),
                "prompt_cache_breakpoint" | "cache_control" => breakpoint = Some(value),
                _ => {}
            }
        }
        let role = role.ok_or_else(|| ApiError::missing_parameter(format!("messages[{at}].role")))?;
        let message = Self { at, role: Role::read(role), content, tool_calls, breakpoint, raw };
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

    /// The content, where it is text and nothing else: its parts one after the other. `None` without content.
    ///
    /// # Errors
    /// 400 `unsupported_value` that names a part of another kind.
    pub fn text(&self) -> Result<Option<Cow<'a, str>>, ApiError> {
        let mut text = None::<Cow<'a, str>>;
        for part in self.parts() {
            let part = part?;
            let PartKind::Text(piece) = part.kind() else {
                return Err(ApiError::unsupported_value(part.path(), "this model takes only text."));
            };
            match &mut text {
                None => text = Some(piece.to_str()),
                Some(text) => text.to_mut().push_str(&piece.to_str()),
            }
        }
        Ok(text)
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

    /// What asks for the prompt up to the end of this message to be cached: see [`Part::cache_breakpoint`].
    pub fn cache_breakpoint(&self) -> Option<Raw<'a>> {
        self.breakpoint
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
    breakpoint: Option<Raw<'a>>,
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
        Self { message, at: None, kind: PartKind::Text(text), breakpoint: None, raw: None }
    }

    /// One pass over the part, which may be megabytes of base64. Paths are only made for errors.
    fn read(message: usize, at: usize, raw: Raw<'a>) -> Result<Self, ApiError> {
        let place = Place { message, list: "content", at };
        if raw.kind() != Kind::Object {
            return Err(ApiError::invalid_type(place.to_string(), "an object", &raw.kind().to_string()));
        }
        let (mut kind, mut breakpoint) = (None, None);
        let (mut text, mut refusal, mut image, mut audio, mut file) = (None, None, None, None, None);
        for (name, value) in raw.fields().filter(|(_, value)| !value.is_null()) {
            match &*name.to_str() {
                "type" => kind = Some(value),
                "text" => text = Some(value),
                "refusal" => refusal = Some(value),
                "image_url" => image = Some(value),
                "input_audio" => audio = Some(value),
                "file" => file = Some(value),
                "prompt_cache_breakpoint" | "cache_control" => breakpoint = Some(value),
                _ => {}
            }
        }
        let kind = require(as_text(kind, &place, "type")?, &place, "type")?;
        let kind = match &*kind.to_str() {
            "text" => PartKind::Text(require(as_text(text, &place, "text")?, &place, "text")?),
            "refusal" => PartKind::Refusal(require(as_text(refusal, &place, "refusal")?, &place, "refusal")?),
            "image_url" => {
                let image = as_object(image, &place, "image_url")?;
                PartKind::Image { url: require_text(image, &format_args!("{place}.image_url"), "url")? }
            }
            "input_audio" => {
                let audio = as_object(audio, &place, "input_audio")?;
                PartKind::Audio {
                    data: require_text(audio, &format_args!("{place}.input_audio"), "data")?,
                    format: require_text(audio, &format_args!("{place}.input_audio"), "format")?,
                }
            }
            "file" => {
                let file = as_object(file, &place, "file")?;
                PartKind::File {
                    data: optional_text(file, &format_args!("{place}.file"), "file_data")?,
                    id: optional_text(file, &format_args!("{place}.file"), "file_id")?,
                    name: optional_text(file, &format_args!("{place}.file"), "filename")?,
                }
            }
            _ => PartKind::Other(kind),
        };
        Ok(Self { message, at: Some(at), kind, breakpoint, raw: Some(raw) })
    }

    /// What the part holds.
    pub fn kind(&self) -> PartKind<'a> {
        self.kind
    }

    /// What asks for the prompt up to the end of this part to be cached: OpenAI's `prompt_cache_breakpoint`, or
    /// Anthropic's `cache_control`, which other gateways take in the same place.
    pub fn cache_breakpoint(&self) -> Option<Raw<'a>> {
        self.breakpoint
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

/// Where an element of a message's list stands; it is written out only when an error names it.
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
        kind => Err(ApiError::invalid_type(format!("{path}.{field}"), "an object", &kind.to_string())),
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
    let wrong = || ApiError::invalid_type(format!("{path}.{field}"), "a string", &value.kind().to_string());
    text.map(Some).ok_or_else(wrong)
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
    require(optional_text(object, path, field)?, path, field)
}
