use std::future::Future;
use std::sync::Arc;

use super::{PresentedKey, Principal};
use crate::error::BoxError;

/// Whose key is this? A table, a database, a remote service.
///
/// `Ok(None)` is a key that gives no access: unknown, expired or disabled; the caller learns no difference. An error means
/// that the question could not be answered, and the caller gets 503 without its text, so a store logs its own errors.
/// Nothing here limits the time of a lookup: a store that waits for something has to give up by itself.
///
/// ```
/// use tower_completions::BoxError;
/// use tower_completions::auth::{KeyStore, PresentedKey, Principal};
///
/// struct Database;
///
/// impl KeyStore for Database {
///     async fn lookup(&self, key: &PresentedKey) -> Result<Option<Principal>, BoxError> {
///         // Hash `key.expose()` and look the hash up.
///         Ok(key.expose().starts_with("sk-").then(|| Principal::new("alice")))
///     }
/// }
/// ```
pub trait KeyStore {
    /// The owner of the key.
    fn lookup(&self, key: &PresentedKey) -> impl Future<Output = Result<Option<Principal>, BoxError>> + Send;
}

impl<K: KeyStore + ?Sized> KeyStore for Arc<K> {
    fn lookup(&self, key: &PresentedKey) -> impl Future<Output = Result<Option<Principal>, BoxError>> + Send {
        (**self).lookup(key)
    }
}
