use tower_layer::Layer;

use super::service::Spanned;

/// Opens a span around each chat request, up to the end of its answer's body. See the [module](super).
///
/// It stands where the meter does, right outside of it, and changes neither requests nor answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanLayer {
    _settings: (),
}

impl SpanLayer {
    /// A span for each request.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S> Layer<S> for SpanLayer {
    type Service = Spanned<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Spanned::new(inner)
    }
}
