//! A block of content, or a piece of one: the union has one field that is set.

use crate::json::{Kind, Raw, Text};
use crate::translate::decode::{Source, Unreadable, string};

/// What a block, its beginning or a piece of it holds.
pub(super) enum Content<'a> {
    Text(Text<'a>),
    Reasoning {
        text: Text<'a>,
        signature: Text<'a>,
    },
    Redacted(Text<'a>),
    Call {
        id: Text<'a>,
        name: Text<'a>,
        input: Option<Raw<'a>>,
    },
    /// More of a call's arguments.
    Arguments(Text<'a>),
    Citation(Raw<'a>),
    /// A text and what it refers to.
    Cited {
        content: Raw<'a>,
        citations: Option<Raw<'a>>,
    },
    /// What a client of OpenAI cannot be told: images, the results of the provider's own tools, and what is new.
    Other,
}

impl<'a> Content<'a> {
    /// A whole block, or `start` of a `contentBlockStart`, or `delta` of a `contentBlockDelta`.
    pub(super) fn read(raw: Raw<'a>) -> Result<Self, Unreadable> {
        if raw.kind() != Kind::Object {
            return Err(Unreadable);
        }
        for (name, value) in raw.fields().filter(|(_, value)| !value.is_null()) {
            match &*name.to_str() {
                "text" => return Ok(Self::Text(string(Some(value))?)),
                "reasoningContent" => return Self::reasoning(value),
                "toolUse" => return Self::call(value),
                "citation" => return Ok(Self::Citation(value)),
                "citationsContent" => {
                    let content = value.get("content").ok_or(Unreadable)?;
                    return Ok(Self::Cited { content, citations: value.get("citations") });
                }
                _ => {}
            }
        }
        Ok(Self::Other)
    }

    /// In a block the text stands in `reasoningText`; a piece has it, or the signature, itself.
    fn reasoning(raw: Raw<'a>) -> Result<Self, Unreadable> {
        let redacted = string(raw.get("redactedContent"))?;
        if !redacted.is_empty() {
            return Ok(Self::Redacted(redacted));
        }
        let inner = raw.get("reasoningText").unwrap_or(raw);
        Ok(Self::Reasoning { text: string(inner.get("text"))?, signature: string(inner.get("signature"))? })
    }

    fn call(raw: Raw<'a>) -> Result<Self, Unreadable> {
        let (mut id, mut name, mut input, mut kind) = (None, None, None, None);
        for (key, value) in raw.fields() {
            match &*key.to_str() {
                "toolUseId" => id = Some(value),
                "name" => name = Some(value),
                "input" => input = Some(value),
                "type" => kind = Some(value),
                _ => {}
            }
        }
        if kind.and_then(Raw::as_text).is_some_and(|kind| kind.eq_str("server_tool_use")) {
            return Ok(Self::Other);
        }
        match (id, input.filter(|input| input.kind() == Kind::String)) {
            (None, Some(fragment)) => Ok(Self::Arguments(string(Some(fragment))?)),
            _ => Ok(Self::Call { id: string(id)?, name: string(name)?, input }),
        }
    }
}

/// The source of a citation, if it is one of the web; places in the client's own documents have no form in OpenAI's
/// answers.
pub(super) fn source(citation: Raw<'_>) -> Option<Source> {
    let url = citation.get("location")?.get("web")?.get("url").and_then(Raw::as_text)?;
    let title = string(citation.get("title")).ok()?;
    Some(Source { url: url.to_str().into_owned(), title: title.to_str().into_owned() })
}
