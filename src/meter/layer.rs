use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::Request;
use tower_layer::Layer;

use super::drain::Drain;
use super::meter::Meter;
use super::service::Metered;
use super::sink::UsageSink;
use super::tags::Tag;
use crate::chat::ChatRequest;
use crate::clock::Clock;
use crate::price::PriceBook;

/// Writes a receipt for each chat request that passes, whatever happens to it. See the [module](super).
///
/// Clones, and the services they make, share their sink.
#[derive(Clone)]
pub struct MeterLayer {
    meter: Arc<Meter>,
}

impl MeterLayer {
    /// A meter that writes to this sink.
    pub fn new(sink: impl UsageSink) -> Self {
        Self { meter: Arc::new(Meter::new(sink)) }
    }

    /// What tokens cost; without prices, whatever uses tokens has an unknown cost. The book may be changed later, and is
    /// best the same one that limits have.
    #[must_use]
    pub fn prices(self, prices: PriceBook) -> Self {
        self.with(|meter| meter.prices = prices)
    }

    /// What the host says of a request: names and values, such as the plan of the customer behind it.
    ///
    /// ```
    /// use tower_completions::Principal;
    /// use tower_completions::meter::{MeterLayer, Receipt};
    ///
    /// #[derive(Clone)]
    /// struct Plan(&'static str);
    ///
    /// let meter = MeterLayer::new(|_: &Receipt| {}).tags(|request| {
    ///     let plan = request.extensions().get::<Principal>().and_then(|principal| principal.get::<Plan>());
    ///     plan.map(|plan| ("plan".into(), plan.0.into())).into_iter().collect()
    /// });
    /// # let _ = meter;
    /// ```
    #[must_use]
    pub fn tags(self, tags: impl Fn(&Request<ChatRequest>) -> Vec<Tag> + Send + Sync + 'static) -> Self {
        self.with(|meter| meter.host_tags = Some(Arc::new(tags)))
    }

    /// Whether the request's own `metadata` and `user` become tags, as they do by default. They are the client's words and
    /// may be personal data.
    #[must_use]
    pub fn client_tags(self, keep: bool) -> Self {
        self.with(|meter| meter.client_tags = keep)
    }

    /// Reads the answers of this provider on when a client leaves, within the bounds of this [`Drain`], so that the
    /// provider's own figure arrives. Otherwise what was delivered is counted, and the provider's connection is closed.
    #[must_use]
    pub fn drain(self, provider: impl Into<Arc<str>>, drain: &Drain) -> Self {
        self.with(|meter| meter.drains.insert(provider.into(), drain.clone()))
    }

    /// What time it is.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.with(|meter| meter.clock = Arc::new(clock))
    }

    /// How often the sink, or the host's tags, have panicked. Of the sink each is a receipt that may be lost.
    pub fn panics(&self) -> u64 {
        self.meter.panics.load(Ordering::Relaxed)
    }

    fn with(mut self, change: impl FnOnce(&mut Meter)) -> Self {
        change(Arc::make_mut(&mut self.meter));
        self
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered::new(inner, Arc::clone(&self.meter))
    }
}

/// The sink is not printed.
impl fmt::Debug for MeterLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeterLayer").field("panics", &self.panics()).finish_non_exhaustive()
    }
}
