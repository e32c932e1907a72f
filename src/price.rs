//! What tokens cost.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::usage::Usage;

/// What a model's tokens cost, for each disjoint class of [`Usage`].
///
/// ```
/// use tower_completions::Usage;
/// use tower_completions::price::Price;
///
/// let sonnet = Price::per_million(3.0, 15.0)?.cached_input(0.3)?.cache_write(3.75)?;
/// let usage = Usage { input: 10, cache_read: 100, output: 9, ..Usage::default() };
/// assert_eq!(sonnet.cost(&usage), 10 * 3_000 + 100 * 300 + 9 * 15_000); // nano-dollars
/// # Ok::<(), tower_completions::price::InvalidPrice>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Pico-dollars for one token: a millionth of the USD for a million tokens.
    input: u64,
    output: u64,
    cached_input: u64,
    cache_write: u64,
    cache_write_1h: u64,
}

/// A price that is negative, no number or out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPrice;

impl fmt::Display for InvalidPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a price must be a number of USD per million tokens, from 0 to 1000000")
    }
}

impl std::error::Error for InvalidPrice {}

const PICO_PER_NANO: u128 = 1000;

fn pico(usd_per_million: f64) -> Result<u64, InvalidPrice> {
    if !(0.0..=1_000_000.0).contains(&usd_per_million) {
        return Err(InvalidPrice);
    }
    Ok((usd_per_million * 1e6).round() as u64)
}

impl Price {
    /// USD for a million tokens of the prompt, and of the answer. Everything about caches costs what input does.
    ///
    /// # Errors
    /// If a price is negative, no number, or above a dollar for a token.
    pub fn per_million(input: f64, output: f64) -> Result<Self, InvalidPrice> {
        let (input, output) = (pico(input)?, pico(output)?);
        Ok(Self { input, output, cached_input: input, cache_write: input, cache_write_1h: input })
    }

    /// USD for a million tokens that come from the provider's cache.
    ///
    /// # Errors
    /// As [`per_million`](Self::per_million).
    pub fn cached_input(self, usd: f64) -> Result<Self, InvalidPrice> {
        Ok(Self { cached_input: pico(usd)?, ..self })
    }

    /// USD for a million tokens that are written to the provider's cache.
    ///
    /// # Errors
    /// As [`per_million`](Self::per_million).
    pub fn cache_write(self, usd: f64) -> Result<Self, InvalidPrice> {
        let price = pico(usd)?;
        Ok(Self { cache_write: price, cache_write_1h: price, ..self })
    }

    /// What these tokens cost, in nano-dollars, rounded half up once at the end.
    pub fn cost(&self, usage: &Usage) -> u64 {
        let of = |tokens: u64, price: u64| u128::from(tokens).saturating_mul(u128::from(price));
        let pico = of(usage.input.saturating_add(usage.input_audio), self.input)
            .saturating_add(of(usage.cache_read, self.cached_input))
            .saturating_add(of(usage.cache_write, self.cache_write))
            .saturating_add(of(usage.cache_write_1h, self.cache_write_1h))
            .saturating_add(of(usage.completion_tokens(), self.output));
        u64::try_from(pico.saturating_add(PICO_PER_NANO / 2) / PICO_PER_NANO).unwrap_or(u64::MAX)
    }
}

/// The prices of models, by the ids under which the host serves them. Clones are the same book.
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
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(model).copied()
    }

    /// Replaces all prices, also for whoever has a clone of the book.
    pub fn replace<M: Into<Box<str>>>(&self, prices: impl IntoIterator<Item = (M, Price)>) {
        let prices = prices.into_iter().map(|(model, price)| (model.into(), price)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = prices;
    }
}
