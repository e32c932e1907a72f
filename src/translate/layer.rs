use std::sync::Arc;
use std::time::SystemTime;

use tower_layer::Layer;

use super::dialect::Dialect;
use super::service::Translate;
use super::settings::Settings;

/// Speaks a provider's language to the HTTP client below, and OpenAI's to the layers above. See the [module](super).
#[derive(Debug)]
pub struct TranslateLayer<D> {
    dialect: Arc<D>,
    settings: Settings,
}

impl<D: Dialect> TranslateLayer<D> {
    /// Translation into this dialect.
    pub fn new(dialect: D) -> Self {
        Self { dialect: Arc::new(dialect), settings: Settings::new(D::NAME) }
    }

    /// The provider's name in [`Served`](crate::Served), in place of the dialect's own.
    #[must_use]
    pub fn provider(mut self, name: impl Into<Arc<str>>) -> Self {
        self.settings.provider = name.into();
        self
    }

    /// Refuses, with a 400 that names the field, what would otherwise be left out or adjusted and named in
    /// `x-dropped-params`.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.settings.strict = true;
        self
    }

    /// How large an answer that is not streamed may be, in bytes: 32 MiB by default. A larger one is 502
    /// `upstream_response_too_large`.
    #[must_use]
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.settings.max_answer = bytes;
        self
    }

    /// Where the answer's `created` comes from, if the provider says none: [`SystemTime::now`] by default.
    #[must_use]
    pub fn clock(mut self, now: fn() -> SystemTime) -> Self {
        self.settings.clock = now;
        self
    }
}

impl<D> Clone for TranslateLayer<D> {
    fn clone(&self) -> Self {
        Self { dialect: self.dialect.clone(), settings: self.settings.clone() }
    }
}

impl<D, S> Layer<S> for TranslateLayer<D> {
    type Service = Translate<D, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Translate::new(inner, self.dialect.clone(), self.settings.clone())
    }
}
