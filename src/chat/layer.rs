use tower_layer::Layer;

use super::service::Chat;

/// How large a request body may be by default, in bytes.
const MAX_BODY: u64 = 32 << 20;

/// The border: bytes become a [`ChatRequest`](super::ChatRequest) here, and errors become OpenAI's. See the [module](super).
#[derive(Clone, Debug)]
pub struct ChatLayer {
    max_body: u64,
}

impl ChatLayer {
    /// The border, with bodies of at most 32 MiB.
    pub fn new() -> Self {
        Self { max_body: MAX_BODY }
    }

    /// How large a request body may be, in bytes; a larger one is 413 `request_too_large`, before it is read where its
    /// size is announced. Bodies hold images in base64, so tens of megabytes are normal; 4 GiB is the most.
    #[must_use]
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes.min(u32::MAX.into());
        self
    }
}

impl Default for ChatLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ChatLayer {
    type Service = Chat<S>;

    fn layer(&self, inner: S) -> Chat<S> {
        Chat::new(inner, self.max_body)
    }
}
