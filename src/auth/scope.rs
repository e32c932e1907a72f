use std::sync::Arc;

use super::Limits;

/// Something that several callers belong to and whose limits they share: a team, an organisation, a customer.
///
/// Everybody whose [`Principal`](super::Principal) names the same id draws on the same limits, so the id should say its
/// kind (`team:search`), and every use of it should carry the same figures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scope {
    /// The name under which the use is counted.
    pub id: Arc<str>,
    /// The limits that all of its members share.
    pub limits: Limits,
}

impl Scope {
    /// A scope without limits.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), limits: Limits::new() }
    }

    /// Sets the limits that all of its members share.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
