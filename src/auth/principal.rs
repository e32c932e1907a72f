use std::sync::Arc;

use http::Extensions;

use super::{Limits, ModelFilter, Priority, Scope};

/// Who is asking, and what they may do: the request extension that [`AuthLayer`](super::AuthLayer) or the host's own
/// login leaves for the layers inside.
///
/// A clone costs a few reference counts.
///
/// ```
/// use tower_completions::auth::{Limits, ModelFilter, Principal, Scope};
///
/// #[derive(Clone)]
/// struct Customer { plan: &'static str }
///
/// let alice = Principal::new("alice")
///     .models(ModelFilter::new(["gpt-4*"]))
///     .limits(Limits::new().requests_per_minute(60))
///     .scopes([Scope::new("team:search").limits(Limits::new().tokens_per_minute(100_000))])
///     .data(Customer { plan: "gold" });
/// assert!(alice.models.allows("gpt-4o"));
/// assert_eq!(alice.get::<Customer>().unwrap().plan, "gold");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Principal {
    /// The name under which the caller is counted, billed and logged. Never a secret.
    pub id: Arc<str>,
    /// The models that the caller may see and use.
    pub models: ModelFilter,
    /// The caller's own limits.
    pub limits: Limits,
    /// What the caller belongs to and shares limits with, such as a team and an organisation; all of them apply.
    pub scopes: Arc<[Scope]>,
    /// How much the caller matters when there is too much to do.
    pub priority: Priority,
    data: Arc<Extensions>,
}

impl Principal {
    /// A caller who may use every model, without limits.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self {
            id: id.into(),
            models: ModelFilter::all(),
            limits: Limits::new(),
            scopes: Arc::default(),
            priority: Priority::default(),
            data: Arc::default(),
        }
    }

    /// Sets the models that the caller may see and use.
    #[must_use]
    pub fn models(mut self, models: ModelFilter) -> Self {
        self.models = models;
        self
    }

    /// Sets the caller's own limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what the caller belongs to and shares limits with.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.scopes = scopes.into_iter().collect();
        self
    }

    /// Sets how much the caller matters when there is too much to do.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Adds something of the host's own, such as its customer record: one value for each type, the last one stays.
    #[must_use]
    pub fn data<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        Arc::make_mut(&mut self.data).insert(value);
        self
    }

    /// The host's own value of this type, if there is one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.data.get()
    }
}

/// The id alone, as [`Principal::new`] takes it.
impl From<&str> for Principal {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

/// The id alone, as [`Principal::new`] takes it.
impl From<String> for Principal {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_one_may_use_everything() {
        let principal = Principal::new("alice");
        assert_eq!(&*principal.id, "alice");
        assert!(principal.models.allows("any") && principal.scopes.is_empty());
        assert_eq!(principal.limits, Limits::default());
    }

    #[test]
    fn the_hosts_data_is_kept_by_type_and_shared_by_clones() {
        let first = Principal::from("alice").data(7_u8).data("word").data(8_u8);
        let second = first.clone().data(9_u8);
        assert_eq!((first.get::<u8>(), second.get::<u8>()), (Some(&8), Some(&9)));
        assert_eq!((second.get::<&str>(), second.get::<u16>()), (Some(&"word"), None));
    }

    #[test]
    fn the_hosts_data_is_not_printed() {
        let text = format!("{:?}", Principal::new("alice").data("planted".to_owned()));
        assert!(text.contains("alice") && !text.contains("planted"), "{text}");
    }
}
