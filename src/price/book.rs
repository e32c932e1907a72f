//! The prices of all models that a host serves.

use std::mem;
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

/// In the order of the lengths of their names, and then of the names: whoever looks one up compares hardly any text.
type Prices = Box<[(Box<str>, Price)]>;

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
        let prices = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let at = prices.binary_search_by(|(known, _)| order(known).cmp(&order(model))).ok()?;
        Some(prices[at].1.clone())
    }

    /// Replaces all prices at once, also for whoever has a clone of the book.
    pub fn replace<M: Into<Box<str>>>(&self, prices: impl IntoIterator<Item = (M, Price)>) {
        let mut prices: Vec<(Box<str>, Price)> =
            prices.into_iter().map(|(model, price)| (model.into(), price)).collect();
        prices.sort_by(|(one, _), (other, _)| order(one).cmp(&order(other)));
        // Of two prices of one model the last one counts.
        prices.dedup_by(|later, earlier| {
            later.0 == earlier.0 && {
                mem::swap(later, earlier);
                true
            }
        });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = prices.into();
    }
}

fn order(model: &str) -> (usize, &str) {
    (model.len(), model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_has_its_price_and_the_last_one_counts() {
        let price = |usd: usize| Price::per_million(usd as f64, 0.0).unwrap();
        let models = ["b", "gpt-4o", "a", "gpt-4o-mini", "gpt-4.1", "b", ""];
        let book = PriceBook::from_prices(models.into_iter().enumerate().map(|(at, model)| (model, price(at))));
        for (model, usd) in [("a", 2), ("b", 5), ("gpt-4o", 1), ("gpt-4.1", 4), ("gpt-4o-mini", 3), ("", 6)] {
            assert_eq!(book.get(model), Some(price(usd)), "{model}");
        }
        for model in ["c", "gpt-4", "gpt-5o", "gpt-4o-mini-2"] {
            assert_eq!(book.get(model), None, "{model}");
        }
        book.replace([("c", price(7))]);
        assert_eq!((book.get("a"), book.get("c")), (None, Some(price(7))));
    }
}
