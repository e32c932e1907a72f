//! The buffer of a request that is made of blocks, with marks for the provider's prompt cache.

use std::ops::{Deref, DerefMut};

use super::marks::{Form, Mark, Marks};
use super::object::Object;

/// The request, and the marks in it.
#[derive(Debug)]
pub(crate) struct Body {
    object: Object,
    pub(crate) marks: Marks,
}

impl Body {
    /// An empty request, for marks of this form.
    pub(crate) fn new(capacity: usize, form: &'static Form) -> Self {
        Self { object: Object::with_capacity(capacity), marks: Marks::new(form) }
    }

    /// A mark for the prompt cache, where one of this form belongs.
    pub(crate) fn mark(&mut self, mark: Option<Mark>) {
        if let Some(mark) = mark {
            self.marks.write(&mut self.object.out, mark);
        }
    }

    /// Keeps as many marks as the provider takes beside `others`.
    pub(crate) fn keep_last_marks(&mut self, others: usize) {
        self.marks.keep_last(&mut self.object.out, others);
    }

    /// The whole request.
    pub(crate) fn finish(self) -> Vec<u8> {
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
