//! Who gives up on whom.

use std::sync::{Arc, OnceLock};

use crate::error::ApiError;

/// What is inside a layer that may answer in its place.
#[derive(Debug, Default)]
pub(super) struct Scope {
    error: OnceLock<ApiError>,
    outer: Option<Arc<Self>>,
}

impl Scope {
    pub(super) fn inside(outer: Option<Arc<Self>>) -> Self {
        Self { error: OnceLock::new(), outer }
    }

    /// The first reason counts.
    pub(super) fn give_up(&self, error: &ApiError) {
        let _was_first = self.error.set(error.clone());
    }

    /// Why somebody outside does not wait any more.
    pub(super) fn given_up(&self) -> Option<&ApiError> {
        self.error.get().or_else(|| self.outer.as_ref()?.given_up())
    }
}
