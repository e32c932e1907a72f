//! Who answered.

use std::sync::Arc;

/// A response extension that says who answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// The provider's configured name.
    pub provider: Arc<str>,
    /// The configured id of the model that served: the one whose price counts.
    pub model: Arc<str>,
    /// How many upstream requests it took, counting the one that answered.
    pub attempts: u32,
}

impl Served {
    /// An answer by this model of this provider, at the first attempt.
    pub fn new(provider: impl Into<Arc<str>>, model: impl Into<Arc<str>>) -> Self {
        Self { provider: provider.into(), model: model.into(), attempts: 1 }
    }
}
