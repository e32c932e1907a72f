//! Parts of a message into parts of a content.

use std::borrow::Cow;

use crate::chat::{Message, Part, PartKind};
use crate::error::ApiError;
use crate::json::Text;
use crate::translate::encode::{Object, data_url, has_scheme, tail};

/// A part that is not empty.
pub(super) enum Block<'a> {
    Text(Text<'a>),
    /// `inlineData`: base64 of this media type.
    Inline(Cow<'a, str>, Cow<'a, str>),
    /// `fileData`: where Google finds it, and its media type if that is known.
    File(Cow<'a, str>, Option<&'static str>),
}

/// What may stand in a message.
#[derive(Clone, Copy)]
pub(super) enum Allowed {
    /// Text only: instructions, and what the model said.
    Text,
    /// Media too, and whether at any `https:` URL.
    All { public_urls: bool },
}

/// Where Google keeps files of its own. Nothing else is known to be read by every model.
const OWN_URLS: [&str; 5] = [
    "gs://",
    "https://generativelanguage.googleapis.com/",
    "https://www.youtube.com/",
    "https://youtube.com/",
    "https://youtu.be/",
];

/// Hands on the parts of a message that are not empty.
pub(super) fn blocks<'a>(
    message: &Message<'a>,
    allowed: Allowed,
    mut each: impl FnMut(Block<'a>),
) -> Result<(), ApiError> {
    for part in message.parts() {
        if let Some(block) = Block::read(&part?, allowed)? {
            each(block);
        }
    }
    Ok(())
}

impl<'a> Block<'a> {
    fn read(part: &Part<'a>, allowed: Allowed) -> Result<Option<Self>, ApiError> {
        let public_urls = match (part.kind(), allowed) {
            (PartKind::Text(text) | PartKind::Refusal(text), _) => {
                return Ok((!text.is_empty()).then_some(Self::Text(text)));
            }
            (_, Allowed::Text) => return Err(ApiError::unsupported_parameter(part.path())),
            (_, Allowed::All { public_urls }) => public_urls,
        };
        match part.kind() {
            PartKind::Image { url } => Self::image(url, public_urls, || format!("{}.image_url.url", part.path())),
            PartKind::Audio { data, format } => Self::audio(data, format, part),
            PartKind::File { data: Some(data), .. } => Self::file(data, || format!("{}.file.file_data", part.path())),
            PartKind::File { id: Some(id), .. } => {
                let own = own_file(&id.to_str(), public_urls);
                own.ok_or_else(|| ApiError::unsupported_parameter(format!("{}.file.file_id", part.path())))
            }
            PartKind::File { .. } => Err(ApiError::missing_parameter(format!("{}.file.file_data", part.path()))),
            _ => Err(ApiError::unsupported_parameter(part.path())),
        }
        .map(Some)
    }

    /// An image's URL. Nothing is ever fetched here.
    fn image(url: Text<'a>, public_urls: bool, path: impl Fn() -> String) -> Result<Self, ApiError> {
        let text = url.to_str();
        if let Some(file) = own_file(&text, public_urls) {
            return Ok(file);
        }
        if has_scheme(&text, "https://") || has_scheme(&text, "http://") {
            let reason = "this model reads data: URLs, and files that Google stores.";
            return Err(ApiError::unsupported_value(path(), reason));
        }
        let Some((media_type, data)) = data_url(&text) else {
            return Err(ApiError::invalid_value(path(), "use a data: URL in base64."));
        };
        let media_type = match &*media_type.to_ascii_lowercase() {
            "image/jpeg" | "image/jpg" => "image/jpeg",
            "image/png" => "image/png",
            "image/webp" => "image/webp",
            "image/heic" => "image/heic",
            "image/heif" => "image/heif",
            "image/gif" => "image/gif",
            _ => {
                let reason = "use a PNG, JPEG, WebP, HEIC, HEIF or GIF image.";
                return Err(ApiError::unsupported_value(path(), reason));
            }
        };
        let at = text.len() - data.len();
        Ok(Self::Inline(media_type.into(), tail(text, at)))
    }

    fn audio(data: Text<'a>, format: Text<'a>, part: &Part<'a>) -> Result<Self, ApiError> {
        let media_type = match &*format.to_str() {
            "wav" => "audio/wav",
            "mp3" => "audio/mp3",
            _ => {
                let path = format!("{}.input_audio.format", part.path());
                return Err(ApiError::invalid_value(path, "use 'wav' or 'mp3'."));
            }
        };
        if data.is_empty() {
            return Err(ApiError::invalid_value(format!("{}.input_audio.data", part.path()), "it must not be empty."));
        }
        Ok(Self::Inline(media_type.into(), data.to_str()))
    }

    /// A file's data, of any type that some Gemini reads.
    fn file(url: Text<'a>, path: impl Fn() -> String) -> Result<Self, ApiError> {
        let text = url.to_str();
        let Some((media_type, data)) = data_url(&text) else {
            return Err(ApiError::invalid_value(path(), "use a data: URL in base64."));
        };
        let media_type = media_type.to_ascii_lowercase();
        let kinds = ["text/", "image/", "audio/", "video/"];
        if media_type != "application/pdf" && !kinds.iter().any(|kind| media_type.starts_with(kind)) {
            let reason = "use a PDF, a text, an image, a sound or a video.";
            return Err(ApiError::unsupported_value(path(), reason));
        }
        let at = text.len() - data.len();
        Ok(Self::Inline(media_type.into(), tail(text, at)))
    }

    /// Writes the part, to which a comma is already due.
    pub(super) fn write(&self, body: &mut Object) {
        match self {
            Self::Text(text) => {
                body.put(r#"{"text":"#);
                body.quoted(*text);
            }
            Self::Inline(media_type, data) => {
                body.put(r#"{"inlineData":{"mimeType":"#);
                body.string(media_type);
                body.put(r#","data":"#);
                body.string(data);
                body.put("}");
            }
            Self::File(url, media_type) => {
                body.put(r#"{"fileData":{"#);
                if let Some(media_type) = media_type {
                    body.put(r#""mimeType":"#);
                    body.string(media_type);
                    body.put(",");
                }
                body.put(r#""fileUri":"#);
                body.string(url);
                body.put("}");
            }
        }
        body.put("}");
    }
}

/// A file that Google reads itself, if this is the URL of one.
fn own_file(url: &str, public_urls: bool) -> Option<Block<'static>> {
    let is_own = OWN_URLS.iter().any(|own| has_scheme(url, own)) || public_urls && has_scheme(url, "https://");
    is_own.then(|| Block::File(url.to_owned().into(), media_type_of(url)))
}

/// The media type that the end of a URL's path tells; Google's own stores demand one of most files.
fn media_type_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    Some(match &*extension.to_ascii_lowercase() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "gif" => "image/gif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        _ => return None,
    })
}
