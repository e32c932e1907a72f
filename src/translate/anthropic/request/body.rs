//! The one buffer into which a request is written.

use super::cache::{Mark, Marks};
use crate::json::{Raw, Text, write_str};

/// A JSON object that is written from front to back.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) out: Vec<u8>,
    pub(super) marks: Marks,
    names: Vec<&'static str>,
}

impl Body {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(b'{');
        Self { out, marks: Marks::default(), names: Vec::with_capacity(16) }
    }

    /// A comma, unless the list or the object has just begun.
    pub(super) fn comma(&mut self) {
        if !matches!(self.out.last(), Some(b'[' | b'{')) {
            self.out.push(b',');
        }
    }

    pub(super) fn put(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(super) fn quoted(&mut self, text: Text<'_>) {
        text.write_quoted(&mut self.out);
    }

    pub(super) fn string(&mut self, text: &str) {
        write_str(&mut self.out, text);
    }

    /// Begins a top-level field; its value must follow.
    pub(super) fn field(&mut self, name: &'static str) -> &mut Self {
        self.names.push(name);
        self.comma();
        self.put("\"");
        self.put(name);
        self.put("\":");
        self
    }

    /// Whether a top-level field has been written.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// A top-level field that is passed on as it is.
    pub(super) fn forward(&mut self, name: Text<'_>, value: Raw<'_>) {
        self.comma();
        self.quoted(name);
        self.put(":");
        self.put(value.text());
    }

    /// A mark for the prompt cache, as the last field of the block that is open.
    pub(super) fn mark(&mut self, mark: Option<Mark>) {
        if let Some(mark) = mark {
            self.marks.write(&mut self.out, mark);
        }
    }

    /// A block of text.
    pub(super) fn text_block(&mut self, text: Text<'_>, mark: Option<Mark>) {
        self.comma();
        self.put(r#"{"type":"text","text":"#);
        self.quoted(text);
        self.mark(mark);
        self.put("}");
    }

    /// The whole object.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}
