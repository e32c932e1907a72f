//! Borrowed views of messages.

use std::borrow::Cow;

use super::part::{Part, PartKind};
use super::spans::MessageSpans;
use super::tool_call::ToolCall;
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};

/// One message of the conversation.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    at: usize,
    role: Role<'a>,
    content: Option<Raw<'a>>,
    /// The content, if it is a string.
    text: Option<Text<'a>>,
    tool_calls: Option<Raw<'a>>,
    breakpoint: Option<Raw<'a>>,
    raw: Raw<'a>,
    /// Whether it has another field than `role`, `content` and `name`.
    has_more: bool,
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
    /// What the one pass over the body has found, and of the rest what others ask for most.
    pub(super) fn read(at: usize, body: &'a str, spans: MessageSpans) -> Result<Self, ApiError> {
        let (content, text) = spans.content(body).unzip();
        let role = spans.role(body).ok_or_else(|| ApiError::missing_parameter(format!("messages[{at}].role")))?;
        let (role, raw, has_more) = (Role::read(role), spans.whole(body), spans.has_more);
        let mut message =
            Self { at, role, content, text: text.flatten(), tool_calls: None, breakpoint: None, raw, has_more };
        for (name, value) in message.more() {
            match &*name.to_str() {
                "tool_calls" => message.tool_calls = Some(value),
                "prompt_cache_breakpoint" | "cache_control" => message.breakpoint = Some(value),
                _ => {}
            }
        }
        message.expect(message.tool_calls, "tool_calls", &[Kind::Array], "an array")?;
        Ok(message)
    }

    /// The fields that are set beside `role`, `content` and `name`, if there are any: then those three as well.
    pub(crate) fn more(&self) -> impl Iterator<Item = (Text<'a>, Raw<'a>)> + use<'a> {
        let raw = self.has_more.then_some(self.raw);
        raw.into_iter().flat_map(Raw::fields).filter(|(_, value)| !value.is_null())
    }

    fn expect(&self, value: Option<Raw<'a>>, name: &str, kinds: &[Kind], expected: &str) -> Result<(), ApiError> {
        match value.map(Raw::kind).filter(|kind| !kinds.contains(kind)) {
            Some(kind) => Err(ApiError::invalid_type(self.path(name), expected, kind)),
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

    /// The content, if it is a string.
    pub(crate) fn string(&self) -> Option<Text<'a>> {
        self.text
    }

    /// The parts of the content. A string is one part of text; an empty string too.
    ///
    /// # Errors
    /// Each item is 400 `invalid_request_error` if that part lacks what its type demands.
    pub fn parts(&self) -> impl Iterator<Item = Result<Part<'a>, ApiError>> {
        let whole = self.text.map(|text| Ok(Part::text(self.at, text)));
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
    pub fn given(&self, field: &str) -> Option<Raw<'a>> {
        self.raw.get(field).filter(|value| !value.is_null())
    }

    /// A field that must be a string if it is set.
    ///
    /// # Errors
    /// 400 `invalid_type` if it is something else.
    pub fn given_text(&self, field: &str) -> Result<Option<Text<'a>>, ApiError> {
        let value = self.given(field);
        self.expect(value, field, &[Kind::String], "a string")?;
        Ok(value.and_then(Raw::as_text))
    }

    /// The whole message as the client sent it.
    pub fn raw(&self) -> Raw<'a> {
        self.raw
    }
}
