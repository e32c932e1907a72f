//! Borrowed views of the parts of a message's content.

use super::typed::{Place, as_object, must_be_text, optional_text, require_text};
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};

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
    pub(super) fn text(message: usize, text: Text<'a>) -> Self {
        Self { message, at: None, kind: PartKind::Text(text), breakpoint: None, raw: None }
    }

    /// One pass over the part, which may be megabytes of base64. Paths are only made for errors.
    pub(super) fn read(message: usize, at: usize, raw: Raw<'a>) -> Result<Self, ApiError> {
        let place = Place { message, list: "content", at };
        if raw.kind() != Kind::Object {
            return Err(ApiError::invalid_type(place.to_string(), "an object", raw.kind()));
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
        let kind = must_be_text(kind, &place, "type")?;
        let kind = match &*kind.to_str() {
            "text" => PartKind::Text(must_be_text(text, &place, "text")?),
            "refusal" => PartKind::Refusal(must_be_text(refusal, &place, "refusal")?),
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
    pub fn given(&self, field: &str) -> Option<Raw<'a>> {
        self.raw?.get(field).filter(|value| !value.is_null())
    }
}
