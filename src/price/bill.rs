//! What tokens cost at the price of the model that used them.

use super::book::PriceBook;
use super::table::Price;
use crate::usage::Usage;

/// A price, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Bill {
    pub(crate) price: Option<Price>,
    /// In nano-dollars. `None` if tokens were used whose price is not known: what used none cost nothing, whatever its
    /// price.
    pub(crate) cost: Option<u64>,
}

impl PriceBook {
    /// What these tokens of this model cost.
    pub(crate) fn bill(&self, model: &str, usage: &Usage) -> Bill {
        let price = self.get(model);
        let cost = match &price {
            Some(price) => Some(price.cost(usage)),
            None => (*usage == Usage::default()).then_some(0),
        };
        Bill { price, cost }
    }
}
