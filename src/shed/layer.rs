use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Extensions, HeaderValue};
use tower_layer::Layer;

use super::places::{Place, Places};
use super::service::Shed;
use crate::auth::{Principal, Priority};
use crate::error::ApiError;

/// Refuses what would be one answer too many. See the [module](super).
#[derive(Clone, Debug)]
pub struct ShedLayer {
    places: Places,
    max: usize,
    /// The shares of `Low`, `Normal` and `High`, between 0 and 1.
    shares: [f64; 3],
    retry_after: Duration,
}

impl ShedLayer {
    /// At most so many answers in progress; 0 refuses all.
    pub fn new(max_in_flight: usize) -> Self {
        let places = Places::default();
        Self { places, max: max_in_flight, shares: [1.0; 3], retry_after: Duration::from_secs(1) }
    }

    /// Which part of the places callers of this priority may take, counted with those of all others: between 0 and 1, rounded
    /// up to a whole place.
    #[must_use]
    pub fn share(mut self, of: Priority, share: f64) -> Self {
        self.shares[of as usize] = share;
        self
    }

    /// How long those who are refused are told to wait, in whole seconds: 1 by default.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// The same layer with another maximum, and one count for both.
    #[must_use]
    pub fn resized(&self, max_in_flight: usize) -> Self {
        Self { max: max_in_flight, ..self.clone() }
    }

    /// How many answers are in progress.
    pub fn in_flight(&self) -> usize {
        self.places.taken()
    }

    /// A place for a request with these extensions.
    pub(super) fn admit(&self, extensions: &Extensions) -> Result<Place, ApiError> {
        let own = || extensions.get::<Principal>().map(|principal| principal.priority);
        let priority = extensions.get().copied().or_else(own).unwrap_or_default();
        // Whatever is no share at all is nothing, and more than the whole is the whole.
        let limit = ((self.max as f64 * self.shares[priority as usize]).ceil() as usize).min(self.max);
        self.places.take(limit).ok_or_else(|| {
            ApiError::overloaded("The server is at its capacity; try again shortly.")
                .with_header(RETRY_AFTER, HeaderValue::from(self.retry_after.as_secs().max(1)))
        })
    }
}

impl<S> Layer<S> for ShedLayer {
    type Service = Shed<S>;

    fn layer(&self, inner: S) -> Shed<S> {
        Shed::new(inner, self.clone())
    }
}
