//! What a tool answered.

use super::parts::{Allowed, Block, blocks};
use super::writer::INSIDE_PART;
use crate::chat::{Message, ToolCall};
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};
use crate::translate::encode::Object;

/// Writes the result of a call. Media stand inside of it where the model takes them there, and otherwise behind it.
pub(super) fn write<'a>(
    body: &mut Object,
    call: &ToolCall<'a>,
    id: Option<&str>,
    message: &Message<'a>,
    allowed: Allowed,
    takes_media: bool,
) -> Result<(), ApiError> {
    let (mut texts, mut media) = (Vec::new(), Vec::new());
    blocks(message, allowed, |block| match block {
        Block::Text(text) => texts.push(text),
        other => media.push(other),
    })?;
    body.put(r#"{"functionResponse":{"#);
    if let Some(id) = id {
        body.put(r#""id":"#);
        body.string(id);
        body.put(",");
    }
    body.put(r#""name":"#);
    body.quoted(call.name);
    body.put(r#","response":"#);
    let is_error = message.given("is_error").and_then(Raw::as_bool) == Some(true);
    write_response(body, &texts, is_error);
    if takes_media && !media.is_empty() {
        body.put(r#","parts":["#);
        write_all(body, &media);
        body.put("]");
    }
    body.put("}}");
    if !takes_media && !media.is_empty() {
        write_all(body, &media);
    }
    Ok(())
}

fn write_all(body: &mut Object, media: &[Block<'_>]) {
    for block in media {
        body.comma();
        block.write(body);
    }
}

/// A JSON object as it is; everything else under the name that Google reads as the output, or as the error.
fn write_response(body: &mut Object, texts: &[Text<'_>], is_error: bool) {
    let whole = if let [text] = texts { Some(text.to_str()) } else { None };
    let object = whole.as_deref().and_then(as_object);
    if let (Some(object), false) = (object, is_error) {
        return body.put(object);
    }
    body.put(if is_error { r#"{"error":"# } else { r#"{"output":"# });
    match object {
        Some(object) => body.put(object),
        None => {
            body.put("\"");
            for text in texts {
                text.write_escaped(&mut body.out);
            }
            body.put("\"");
        }
    }
    body.put("}");
}

/// The text as a JSON object, unless Gemini would take something in it for a reference to a part.
fn as_object(text: &str) -> Option<&str> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    // The dollar may be an escape, too; that of another letter of the name is nobody's accident, and harms nobody else.
    if !text.starts_with('{') || text.contains(r#""$ref""#) || text.contains(r"\u0024") {
        return None;
    }
    let object = Raw::parse_inside(text, INSIDE_PART + 1).ok()?;
    (object.kind() == Kind::Object).then(|| object.text())
}
