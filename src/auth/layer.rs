use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::Auth;
use super::presented::Sources;

/// Lets a request in only with a key that the [`KeyStore`](super::KeyStore) knows. See the [module](super).
///
/// The key is expected in `Authorization: Bearer KEY`; other headers can be accepted beside it.
pub struct AuthLayer<K> {
    keys: Arc<K>,
    sources: Sources,
}

impl<K> AuthLayer<K> {
    /// Asks this store.
    pub fn new(keys: K) -> Self {
        Self { keys: Arc::new(keys), sources: Sources::default() }
    }

    /// Whether a key in `x-api-key`, where Anthropic's SDKs send it, is accepted; `false` by default.
    #[must_use]
    pub fn x_api_key(mut self, accepted: bool) -> Self {
        self.sources.x_api_key = accepted;
        self
    }

    /// Whether a key in `api-key`, where Azure's SDKs send it, is accepted; `false` by default.
    #[must_use]
    pub fn api_key(mut self, accepted: bool) -> Self {
        self.sources.api_key = accepted;
        self
    }
}

impl<S, K> Layer<S> for AuthLayer<K> {
    type Service = Auth<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Auth::new(inner, Arc::clone(&self.keys), self.sources)
    }
}

impl<K> Clone for AuthLayer<K> {
    fn clone(&self) -> Self {
        Self { keys: Arc::clone(&self.keys), sources: self.sources }
    }
}

/// The store is not printed.
impl<K> fmt::Debug for AuthLayer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer").field("sources", &self.sources).finish_non_exhaustive()
    }
}
