//! A piece of a block that is the one before but for its text and its padding, as most events of a stream are.

use super::block::Content;
use crate::json::{Place, Raw, Template, Text};

/// The payload of the piece that was read last.
#[derive(Clone, Default)]
pub(super) struct Again {
    template: Template,
    index: u64,
    form: Form,
}

/// What the text of a piece is.
#[derive(Clone, Copy, Default)]
enum Form {
    #[default]
    Text,
    Reasoning,
    Arguments,
}

impl Again {
    /// The number of the block and the piece, if the payload is the one that was learned last but for its text.
    pub(super) fn recognise<'a>(&self, payload: &'a [u8]) -> Option<(u64, Content<'a>)> {
        let text = self.template.recognise(payload)?;
        let content = match self.form {
            Form::Text => Content::Text(text),
            Form::Reasoning => Content::Reasoning { text, signature: Text::plain("") },
            Form::Arguments => Content::Arguments(text),
        };
        Some((self.index, content))
    }

    /// Learns a payload, if its piece of a block is nothing but a text; `p` in it is padding.
    pub(super) fn learn(&mut self, payload: &[u8], raw: Raw<'_>, index: u64, content: &Content<'_>) {
        let (form, text) = match content {
            Content::Text(text) => (Form::Text, text),
            Content::Reasoning { text, signature } if signature.is_empty() => (Form::Reasoning, text),
            Content::Arguments(text) => (Form::Arguments, text),
            _ => return,
        };
        let Some(text) = text.source() else { return };
        let padding = raw.get("p").and_then(Raw::as_text).and_then(Text::source);
        let parts = [(Place::Text, Some(text)), (Place::Padding, padding)];
        self.template.learn_with(payload, parts.into_iter().filter_map(|(place, part)| Some((place, part?))));
        (self.index, self.form) = (index, form);
    }
}
