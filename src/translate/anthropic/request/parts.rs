//! Parts of a message into blocks of content.

use std::borrow::Cow;

use crate::chat::{Message, Part, PartKind};
use crate::error::ApiError;
use crate::json::Text;
use crate::translate::encode::{Body, Mark, base64, data_url, has_scheme, tail};

/// A block of content that is not empty.
pub(super) enum Block<'a> {
    Text(Text<'a>),
    /// An image, as base64 of this type or at this `https` URL.
    Image(Source<'a>),
    /// A document with its title.
    Document(Source<'a>, Option<Text<'a>>),
}

pub(super) enum Source<'a> {
    Base64 { media_type: &'static str, data: Cow<'a, str> },
    Url(Text<'a>),
    Text(String),
}

/// What may stand in a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Text only: instructions, and what the model said.
    Text,
    /// Images and documents too.
    All,
}

/// Hands on the blocks of a message, each with its mark; the mark of the message itself belongs to the last one.
pub(super) fn blocks<'a>(
    message: &Message<'a>,
    allowed: Allowed,
    mut each: impl FnMut(Block<'a>, Option<Mark>),
) -> Result<(), ApiError> {
    let own_mark = || message.cache_breakpoint().and_then(Mark::read);
    if let Some(text) = message.string() {
        if !text.is_empty() {
            each(Block::Text(text), own_mark());
        }
        return Ok(());
    }
    let mut last: Option<(Block<'a>, Option<Mark>)> = None;
    for part in message.parts() {
        let part = part?;
        if let Some(block) = Block::read(&part, allowed)? {
            let mark = part.cache_breakpoint().and_then(Mark::read);
            if let Some((block, mark)) = last.replace((block, mark)) {
                each(block, mark);
            }
        }
    }
    if let Some((block, mark)) = last {
        each(block, mark.or_else(own_mark));
    }
    Ok(())
}

impl<'a> Block<'a> {
    /// The block for a part; none for an empty text, which Anthropic refuses and which says nothing.
    fn read(part: &Part<'a>, allowed: Allowed) -> Result<Option<Self>, ApiError> {
        match part.kind() {
            PartKind::Text(text) | PartKind::Refusal(text) => Ok((!text.is_empty()).then_some(Self::Text(text))),
            PartKind::Image { url } if allowed == Allowed::All => {
                Source::image(url, || format!("{}.image_url.url", part.path())).map(|source| Some(Self::Image(source)))
            }
            PartKind::File { data: Some(data), name, .. } if allowed == Allowed::All => {
                let source = Source::file(data, || format!("{}.file.file_data", part.path()))?;
                Ok(Some(Self::Document(source, name.filter(|name| !name.is_empty()))))
            }
            PartKind::File { id: Some(_), .. } if allowed == Allowed::All => {
                Err(ApiError::unsupported_parameter(format!("{}.file.file_id", part.path())))
            }
            PartKind::File { .. } if allowed == Allowed::All => {
                Err(ApiError::missing_parameter(format!("{}.file.file_data", part.path())))
            }
            _ => Err(ApiError::unsupported_parameter(part.path())),
        }
    }

    pub(super) fn write(&self, body: &mut Body, mark: Option<Mark>) {
        let (kind, source, title) = match self {
            Self::Text(text) => return text_block(body, *text, mark),
            Self::Image(source) => (r#"{"type":"image","source":"#, source, None),
            Self::Document(source, title) => (r#"{"type":"document","source":"#, source, *title),
        };
        body.comma();
        body.put(kind);
        source.write(body);
        if let Some(title) = title {
            body.put(r#","title":"#);
            body.quoted(title);
        }
        body.mark(mark);
        body.put("}");
    }
}

impl<'a> Source<'a> {
    /// An image's URL. Nothing is ever fetched here, and what Anthropic does not fetch itself is refused.
    fn image(url: Text<'a>, path: impl Fn() -> String) -> Result<Self, ApiError> {
        const TYPES: &str = "use a JPEG, PNG, GIF or WebP image.";
        let text = url.to_str();
        if has_scheme(&text, "https://") {
            return Ok(Self::Url(url));
        }
        if has_scheme(&text, "http://") {
            return Err(ApiError::unsupported_value(path(), "this model reads https:// and data: URLs only."));
        }
        let Some((media_type, data)) = data_url(&text) else {
            return Err(ApiError::invalid_value(path(), "use an https:// URL, or a data: URL in base64."));
        };
        let media_type = match &*media_type.to_ascii_lowercase() {
            "image/jpeg" | "image/jpg" => "image/jpeg",
            "image/png" => "image/png",
            "image/gif" => "image/gif",
            "image/webp" => "image/webp",
            _ => return Err(ApiError::unsupported_value(path(), TYPES)),
        };
        let at = text.len() - data.len();
        Ok(Self::Base64 { media_type, data: tail(text, at) })
    }

    /// A file's data: a PDF as it is, a text decoded.
    fn file(url: Text<'a>, path: impl Fn() -> String) -> Result<Self, ApiError> {
        let text = url.to_str();
        let Some((media_type, data)) = data_url(&text) else {
            return Err(ApiError::invalid_value(path(), "use a data: URL in base64."));
        };
        let media_type = media_type.to_ascii_lowercase();
        if media_type == "application/pdf" {
            let at = text.len() - data.len();
            return Ok(Self::Base64 { media_type: "application/pdf", data: tail(text, at) });
        }
        if !media_type.starts_with("text/") {
            return Err(ApiError::unsupported_value(path(), "use a PDF or a text file."));
        }
        let decoded = base64::decode(data).and_then(|bytes| String::from_utf8(bytes).ok());
        decoded.map(Self::Text).ok_or_else(|| ApiError::invalid_value(path(), "it is not UTF-8 text in base64."))
    }

    fn write(&self, body: &mut Body) {
        match self {
            Self::Base64 { media_type, data } => {
                body.put(r#"{"type":"base64","media_type":"#);
                body.string(media_type);
                body.put(r#","data":"#);
                body.string(data);
            }
            Self::Url(url) => {
                body.put(r#"{"type":"url","url":"#);
                body.quoted(*url);
            }
            Self::Text(text) => {
                body.put(r#"{"type":"text","media_type":"text/plain","data":"#);
                body.string(text);
            }
        }
        body.put("}");
    }
}

/// A block of text.
pub(super) fn text_block(body: &mut Body, text: Text<'_>, mark: Option<Mark>) {
    body.comma();
    body.put(r#"{"type":"text","text":"#);
    body.quoted(text);
    body.mark(mark);
    body.put("}");
}
