use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::Signatures;

/// Keeps the signed reasoning of answers, and puts it into requests that come back without it. See the [module](super).
pub struct SignatureLayer<K> {
    store: Arc<K>,
}

impl<K> SignatureLayer<K> {
    /// Keeps it in this store.
    pub fn new(store: K) -> Self {
        Self { store: Arc::new(store) }
    }
}

impl<S, K> Layer<S> for SignatureLayer<K> {
    type Service = Signatures<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Signatures::new(inner, Arc::clone(&self.store))
    }
}

impl<K> Clone for SignatureLayer<K> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store) }
    }
}

/// The store is not printed.
impl<K> fmt::Debug for SignatureLayer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureLayer").finish_non_exhaustive()
    }
}
