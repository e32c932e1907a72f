use std::sync::Arc;

use super::{Limits, ModelFilter};

/// Something that several callers belong to and whose limits they share: a team, an organisation, a customer; or one
/// caller's use of some models.
///
/// Everybody whose [`Principal`](super::Principal) names the same id draws on the same limits, so the id should say its
/// kind (`team:search`), and every use of it should carry the same figures.
///
/// ```
/// use tower_completions::auth::{Limits, ModelFilter, Scope};
///
/// let team = Scope::new("team:search").limits(Limits::new().tokens_per_minute(100_000));
/// let opus = Scope::new("alice/opus").models(ModelFilter::new(["claude-opus-*"])).limits(Limits::new().requests_per_minute(5));
/// # let _ = (team, opus);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scope {
    /// The name under which the use is counted.
    pub id: Arc<str>,
    /// The limits that all of its members share.
    pub limits: Limits,
    /// The models, as clients ask for them, whose use counts. All of them, if nothing else is said.
    pub models: ModelFilter,
}

impl Scope {
    /// A scope without limits.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), limits: Limits::new(), models: ModelFilter::all() }
    }

    /// Sets the limits that all of its members share.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the models whose use counts: with one caller's own scope, a limit for one key and some models.
    #[must_use]
    pub fn models(mut self, models: ModelFilter) -> Self {
        self.models = models;
        self
    }
}
