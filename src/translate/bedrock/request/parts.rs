//! Parts of a message into blocks of content.

use std::borrow::Cow;

use super::names::Names;
use crate::chat::{Message, Part, PartKind};
use crate::error::ApiError;
use crate::json::Text;
use crate::translate::encode::{Body, Mark, data_url, has_scheme, tail};

/// A block of content that is not empty.
pub(super) enum Block<'a> {
    Text(Text<'a>),
    /// An image in base64.
    Image(&'static str, Cow<'a, str>),
    /// An image in S3.
    Stored(&'static str, Text<'a>),
    /// A document in base64, and the name of its file.
    Document(&'static str, Cow<'a, str>, Option<Text<'a>>),
    /// Sound in base64.
    Audio(&'static str, Text<'a>),
}

/// What may stand in a message.
#[derive(Clone, Copy)]
pub(super) struct Allowed {
    /// Images and documents.
    pub(super) media: bool,
    pub(super) audio: bool,
    /// Images at `s3://` URLs.
    pub(super) stored: bool,
}

impl Allowed {
    /// Text only: instructions, and what the model said.
    pub(super) const TEXT: Self = Self { media: false, audio: false, stored: false };
}

/// Hands on the blocks of a message, each with its mark; the mark of the message itself belongs to the last one.
pub(super) fn blocks<'a>(
    message: &Message<'a>,
    allowed: Allowed,
    mut each: impl FnMut(Block<'a>, Option<Mark>),
) -> Result<(), ApiError> {
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
        each(block, mark.or_else(|| message.cache_breakpoint().and_then(Mark::read)));
    }
    Ok(())
}

impl<'a> Block<'a> {
    /// The block for a part; none for a blank text, which Converse refuses and which says nothing.
    fn read(part: &Part<'a>, allowed: Allowed) -> Result<Option<Self>, ApiError> {
        match part.kind() {
            PartKind::Text(text) | PartKind::Refusal(text) => Ok((!text.is_blank()).then_some(Self::Text(text))),
            PartKind::Image { url } if allowed.media => {
                Self::image(url, allowed.stored, || format!("{}.image_url.url", part.path())).map(Some)
            }
            PartKind::File { data: Some(data), name, .. } if allowed.media => {
                Self::document(data, name, || format!("{}.file.file_data", part.path())).map(Some)
            }
            PartKind::File { id: Some(_), .. } if allowed.media => {
                Err(ApiError::unsupported_parameter(format!("{}.file.file_id", part.path())))
            }
            PartKind::File { .. } if allowed.media => {
                Err(ApiError::missing_parameter(format!("{}.file.file_data", part.path())))
            }
            PartKind::Audio { data, format } if allowed.audio => {
                let format = match &*format.to_str() {
                    "wav" => "wav",
                    "mp3" => "mp3",
                    _ => {
                        let path = format!("{}.input_audio.format", part.path());
                        return Err(ApiError::invalid_value(path, "use 'wav' or 'mp3'."));
                    }
                };
                Ok(Some(Self::Audio(format, data)))
            }
            _ => Err(ApiError::unsupported_parameter(part.path())),
        }
    }

    /// An image's URL. Nothing is ever fetched, neither here nor by Bedrock.
    fn image(url: Text<'a>, stored: bool, path: impl Fn() -> String) -> Result<Self, ApiError> {
        const TYPES: &str = "use a JPEG, PNG, GIF or WebP image.";
        let text = url.to_str();
        if stored && has_scheme(&text, "s3://") {
            let extension = text.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
            let format = extension.as_deref().and_then(image_format);
            let format = format.ok_or_else(|| ApiError::unsupported_value(path(), TYPES))?;
            return Ok(Self::Stored(format, url));
        }
        let Some((media_type, data)) = data_url(&text) else {
            let reason = "this model fetches no images; use a data: URL in base64.";
            return Err(ApiError::unsupported_value(path(), reason));
        };
        let media_type = media_type.to_ascii_lowercase();
        let format = media_type.strip_prefix("image/").and_then(image_format);
        let format = format.ok_or_else(|| ApiError::unsupported_value(path(), TYPES))?;
        let at = text.len() - data.len();
        Ok(Self::Image(format, tail(text, at)))
    }

    fn document(url: Text<'a>, name: Option<Text<'a>>, path: impl Fn() -> String) -> Result<Self, ApiError> {
        let text = url.to_str();
        let Some((media_type, data)) = data_url(&text) else {
            return Err(ApiError::invalid_value(path(), "use a data: URL in base64."));
        };
        let format = match &*media_type.to_ascii_lowercase() {
            "application/pdf" => "pdf",
            "text/csv" => "csv",
            "application/msword" => "doc",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
            "application/vnd.ms-excel" => "xls",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
            "text/html" => "html",
            "text/markdown" => "md",
            text if text.starts_with("text/") => "txt",
            _ => {
                let reason = "use a PDF, a text, an HTML page, or a document of Word or Excel.";
                return Err(ApiError::unsupported_value(path(), reason));
            }
        };
        let at = text.len() - data.len();
        Ok(Self::Document(format, tail(text, at), name))
    }

    /// Writes the block, and its mark after it.
    pub(super) fn write(&self, body: &mut Body, names: &mut Names, mark: Option<Mark>) {
        body.comma();
        match self {
            Self::Text(text) => {
                body.put(r#"{"text":"#);
                body.quoted(*text);
                body.put("}");
            }
            Self::Image(format, data) => {
                open(body, r#"{"image":{"format":""#, format);
                body.put(r#"","source":{"bytes":"#);
                body.string(data);
                body.put("}}}");
            }
            Self::Stored(format, uri) => {
                open(body, r#"{"image":{"format":""#, format);
                body.put(r#"","source":{"s3Location":{"uri":"#);
                body.quoted(*uri);
                body.put("}}}}");
            }
            Self::Document(format, data, file) => {
                open(body, r#"{"document":{"format":""#, format);
                body.put(r#"","name":"#);
                let file = file.map(Text::to_str).unwrap_or_default();
                body.string(&names.next(&file));
                body.put(r#","source":{"bytes":"#);
                body.string(data);
                body.put("}}}");
            }
            Self::Audio(format, data) => {
                open(body, r#"{"audio":{"format":""#, format);
                body.put(r#"","source":{"bytes":"#);
                body.quoted(*data);
                body.put("}}}");
            }
        }
        body.mark(mark);
    }
}

fn open(body: &mut Body, kind: &str, format: &str) {
    body.put(kind);
    body.put(format);
}

/// Converse's word for a kind of image, by its extension or the second half of its media type.
fn image_format(name: &str) -> Option<&'static str> {
    match name {
        "jpeg" | "jpg" => Some("jpeg"),
        "png" => Some("png"),
        "gif" => Some("gif"),
        "webp" => Some("webp"),
        _ => None,
    }
}
