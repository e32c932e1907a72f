//! Changing single fields of a request while every other byte stays.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::index::{Field, Index};
use crate::json::write_str;

/// Edits to the top-level fields of a request. Made by [`ChatRequest::patch`](super::ChatRequest::patch).
///
/// Names of fields are written as they stand, without escapes; values are not checked.
///
/// ```
/// # use tower_completions::ChatRequest;
/// let chat = ChatRequest::from_bytes(r#"{"model":"m", "messages":[{"role":"user"}], "seed": 7}"#)?;
/// let body = chat.patch().set("stream", "true").rename("seed", "random_seed").finish();
/// assert_eq!(body, r#"{"model":"m", "messages":[{"role":"user"}], "random_seed": 7,"stream":true}"#);
/// # Ok::<(), tower_completions::ApiError>(())
/// ```
#[must_use = "a patch does nothing until it is finished"]
pub struct Patch<'a> {
    index: &'a Arc<Index>,
    edits: Vec<(Cow<'a, str>, Edit<'a>)>,
}

enum Edit<'a> {
    Set(Cow<'a, str>),
    Rename(&'a str),
    Remove,
}

/// Only the names are printed: the rest is the conversation.
impl fmt::Debug for Patch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.edits.iter().map(|(name, _)| name)).finish()
    }
}

impl<'a> Patch<'a> {
    pub(super) fn new(index: &'a Arc<Index>) -> Self {
        Self { index, edits: Vec::new() }
    }

    /// Gives a field a value, which is JSON text; a field that is not there yet is added at the end.
    pub fn set(self, field: &'a str, json: impl Into<Cow<'a, str>>) -> Self {
        self.edit(field, Edit::Set(json.into()))
    }

    /// Gives a field a string as its value.
    pub fn set_str(self, field: &'a str, value: &str) -> Self {
        let mut json = Vec::with_capacity(value.len() + 2);
        write_str(&mut json, value);
        let json = String::from_utf8(json).unwrap_or_default();
        self.set(field, json)
    }

    /// Gives a field another name, and leaves its value as it is.
    pub fn rename(self, field: &'a str, name: &'a str) -> Self {
        self.edit(field, Edit::Rename(name))
    }

    /// Leaves a field out.
    pub fn remove(self, field: impl Into<Cow<'a, str>>) -> Self {
        self.edit(field, Edit::Remove)
    }

    fn edit(mut self, field: impl Into<Cow<'a, str>>, edit: Edit<'a>) -> Self {
        let field = field.into();
        self.edits.retain(|(other, _)| *other != field);
        self.edits.push((field, edit));
        self
    }

    /// The new body; the old one, uncopied, if there was nothing to change.
    pub fn finish(self) -> Bytes {
        if self.edits.is_empty() {
            return Bytes::from_owner(Unchanged(self.index.clone()));
        }
        let mut out = Vec::with_capacity(self.len());
        self.pieces(|piece| out.extend_from_slice(piece));
        out.into()
    }

    /// The length of the new body in bytes.
    pub(super) fn len(&self) -> usize {
        let mut len = 0;
        self.pieces(|piece| len += piece.len());
        len
    }

    fn edit_of(&self, field: Field) -> Option<&Edit<'a>> {
        self.edits.iter().find(|(name, _)| field.is(&self.index.text, name)).map(|(_, edit)| edit)
    }

    fn has(&self, name: &str) -> bool {
        self.index.fields.iter().any(|field| field.is(&self.index.text, name))
    }

    /// Cuts the new body into pieces of the old one and of the edits.
    fn pieces(&self, mut put: impl FnMut(&[u8])) {
        let (body, fields) = (self.index.text.as_bytes(), &self.index.fields);
        let (Some(first), Some(last)) = (fields.first(), fields.last()) else { return put(body) };
        if self.edits.is_empty() {
            return put(body);
        }
        // Where the last field that is kept ends, and where the piece of the old body begins that has not been put yet.
        let (mut kept, mut run) = (None, Some(0));
        for &field in fields {
            let (key, value) = (field.key(), field.value());
            let edit = self.edit_of(field);
            if let Some(Edit::Remove) = edit {
                if let Some(run) = run.take() {
                    put(&body[run..kept.unwrap_or(first.key().start - 1)]);
                }
                continue;
            }
            let from = run.unwrap_or_else(|| {
                if kept.is_some() {
                    put(b",");
                }
                key.start - 1
            });
            run = Some(match edit {
                Some(Edit::Rename(name)) => {
                    put(&body[from..key.start]);
                    put(name.as_bytes());
                    key.end
                }
                Some(Edit::Set(json)) => {
                    put(&body[from..value.start]);
                    put(json.as_bytes());
                    value.end
                }
                _ => from,
            });
            kept = Some(value.end);
        }
        if let (Some(run), Some(kept)) = (run, kept) {
            put(&body[run..kept]);
        }
        for (name, edit) in &self.edits {
            if let Edit::Set(json) = edit
                && !self.has(name)
            {
                put(if kept.is_some() { b",\"" } else { b"\"" });
                put(name.as_bytes());
                put(b"\":");
                put(json.as_bytes());
                kept = kept.or(Some(0));
            }
        }
        put(&body[last.value().end..]);
    }
}

/// The body as it came.
struct Unchanged(Arc<Index>);

impl AsRef<[u8]> for Unchanged {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use crate::chat::ChatRequest;

    const BODY: &str = "{ \"a\" : 1 ,\n\"model\":\"m\", \"messages\" : [ {\"role\":\"user\"} ],\"z\":\"ä\" }\n";

    fn chat() -> ChatRequest {
        ChatRequest::from_bytes(BODY).unwrap()
    }

    #[test]
    fn without_edits_the_body_is_the_same_allocation() {
        let chat = chat();
        assert_eq!(chat.to_bytes(), BODY);
        assert_eq!(chat.to_bytes().as_ptr(), chat.to_bytes().as_ptr());
    }

    #[test]
    fn set_touches_only_the_value() {
        assert_eq!(chat().patch().set("a", "[2]").finish(), BODY.replace("1 ,", "[2] ,"));
        assert_eq!(chat().patch().set("b", "{}").finish(), BODY.replace("\"ä\"", "\"ä\",\"b\":{}"));
    }

    #[test]
    fn removing_takes_the_comma_along() {
        let removed = |names: &[&'static str]| {
            let chat = chat();
            let body = names.iter().fold(chat.patch(), |patch, name| patch.remove(*name)).finish();
            serde_json::from_slice::<serde_json::Value>(&body).unwrap().as_object().unwrap().len()
        };
        assert_eq!(removed(&["a"]), 3);
        assert_eq!(removed(&["z"]), 3);
        assert_eq!(removed(&["model", "messages"]), 2);
        assert_eq!(removed(&["a", "model", "messages", "z"]), 0);
        assert_eq!(removed(&["nothing"]), 4);
    }

    #[test]
    fn everything_removed_and_something_added() {
        let chat = chat();
        let all = ["a", "model", "messages", "z"].into_iter().fold(chat.patch(), |patch, name| patch.remove(name));
        assert_eq!(all.set("new", "true").finish(), "{ \"new\":true }\n");
    }

    #[test]
    fn rename_keeps_the_value() {
        assert_eq!(chat().patch().rename("z", "y").finish(), BODY.replace("\"z\"", "\"y\""));
    }
}
