//! The one buffer into which a request is written.

use crate::json::{Raw, Text, write_str};

/// A JSON object that is written from front to back.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) out: Vec<u8>,
    names: Vec<&'static str>,
}

impl Object {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(b'{');
        Self { out, names: Vec::with_capacity(16) }
    }

    /// A comma, unless the list or the object has just begun.
    pub(crate) fn comma(&mut self) {
        if !matches!(self.out.last(), Some(b'[' | b'{')) {
            self.out.push(b',');
        }
    }

    /// JSON as it stands.
    pub(crate) fn put(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    /// A string of the client's.
    pub(crate) fn quoted(&mut self, text: Text<'_>) {
        text.write_quoted(&mut self.out);
    }

    /// A string.
    pub(crate) fn string(&mut self, text: &str) {
        write_str(&mut self.out, text);
    }

    /// Begins a top-level field; its value must follow.
    pub(crate) fn field(&mut self, name: &'static str) -> &mut Self {
        self.names.push(name);
        self.comma();
        self.put("\"");
        self.put(name);
        self.put("\":");
        self
    }

    /// Whether a top-level field has been written.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// A top-level field that is passed on as it is.
    pub(crate) fn forward(&mut self, name: Text<'_>, value: Raw<'_>) {
        self.comma();
        self.quoted(name);
        self.put(":");
        self.put(value.text());
    }

    /// The whole object.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}
