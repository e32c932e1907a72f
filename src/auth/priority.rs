/// Who is let go first when there is too much to do: see `shed::ShedLayer`.
///
/// ```
/// use tower_completions::auth::{Principal, Priority};
///
/// let batch = Principal::new("nightly-batch").priority(Priority::Low);
/// assert!(batch.priority < Principal::new("alice").priority);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Priority {
    /// First to go: work that can wait, such as a batch.
    Low,
    /// Everybody of whom nothing else is said.
    #[default]
    Normal,
    /// Last to go.
    High,
}
