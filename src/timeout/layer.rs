use std::time::Duration;

use tower_layer::Layer;

use super::limits::Limits;
use super::service::Timeout;

/// Gives up on a provider that takes too long, at any stage of its answer. See the [module](super).
///
/// Nothing is limited until it is said. Each setter takes a time or an `Option` of one.
#[derive(Clone, Debug, Default)]
pub struct TimeoutLayer {
    limits: Limits,
}

impl TimeoutLayer {
    /// No limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the response may take.
    #[must_use]
    pub fn first_byte(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.limits.first_byte = time.into();
        self
    }

    /// How long a stream may take to its first token, from the call on.
    #[must_use]
    pub fn first_token(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.limits.first_token = time.into();
        self
    }

    /// How long an answer that has begun may be silent.
    #[must_use]
    pub fn idle(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.limits.idle = time.into();
        self
    }

    /// How long the whole answer may take, from the call on.
    #[must_use]
    pub fn total(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.limits.total = time.into();
        self
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout::new(inner, self.limits)
    }
}
