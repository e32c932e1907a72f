//! The prices of all models that a host serves.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::table::Price;

/// The prices of models, by the ids under which the host serves them. Clones are the same book.
///
/// ```
/// use tower_completions::price::{Price, PriceBook};
///
/// let book = PriceBook::from_prices([("fast", Price::per_million(0.15, 0.6)?)]);
/// let seen_by_the_limiter = book.clone();
/// book.replace([("fast", Price::per_million(0.2, 0.8)?), ("free", Price::per_million(0.0, 0.0)?)]);
/// assert_eq!(seen_by_the_limiter.get("fast"), Some(Price::per_million(0.2, 0.8)?));
/// assert_eq!(seen_by_the_limiter.get("other"), None);
/// # Ok::<(), tower_completions::price::InvalidPrice>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PriceBook(Arc<RwLock<Prices>>);

type Prices = HashMap<Box<str>, Price>;

impl PriceBook {
    /// An empty book: every price is unknown.
    pub fn new() -> Self {
        Self::default()
    }

    /// A book with these prices.
    pub fn from_prices<M: Into<Box<str>>>(prices: impl IntoIterator<Item = (M, Price)>) -> Self {
        let book = Self::new();
        book.replace(prices);
        book
    }

    /// The price of a model; `None` if it is not known, which is never the same as free.
    pub fn get(&self, model: &str) -> Option<Price> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(model).cloned()
    }

    /// Replaces all prices at once, also for whoever has a clone of the book.
    pub fn replace<M: Into<Box<str>>>(&self, prices: impl IntoIterator<Item = (M, Price)>) {
        let prices = prices.into_iter().map(|(model, price)| (model.into(), price)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = prices;
    }
}
