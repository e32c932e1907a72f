//! The buffer of the request, with the marks for Anthropic's prompt cache.

use std::ops::{Deref, DerefMut};

use super::cache::{Mark, Marks};
use crate::json::Text;
use crate::translate::encode::Object;

/// The request, and the marks in it.
#[derive(Debug)]
pub(super) struct Body {
    object: Object,
    pub(super) marks: Marks,
}

impl Body {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { object: Object::with_capacity(capacity), marks: Marks::default() }
    }

    /// A mark for the prompt cache, as the last field of the block that is open.
    pub(super) fn mark(&mut self, mark: Option<Mark>) {
        if let Some(mark) = mark {
            self.marks.write(&mut self.object.out, mark);
        }
    }

    /// Keeps as many marks as Anthropic takes beside `others`.
    pub(super) fn keep_last_marks(&mut self, others: usize) {
        self.marks.keep_last(&mut self.object.out, others);
    }

    /// A block of text.
    pub(super) fn text_block(&mut self, text: Text<'_>, mark: Option<Mark>) {
        self.comma();
        self.put(r#"{"type":"text","text":"#);
        self.quoted(text);
        self.mark(mark);
        self.put("}");
    }

    /// The whole request.
    pub(super) fn finish(self) -> Vec<u8> {
        self.object.finish()
    }
}

impl Deref for Body {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.object
    }
}

impl DerefMut for Body {
    fn deref_mut(&mut self) -> &mut Object {
        &mut self.object
    }
}
