//! What tokens cost.
//!
//! A [`Price`] says it for one model, a [`PriceBook`] for all that a host serves. Limits and ledger share the book: money
//! that is held back, money that is spent and money that is billed are the same money.
//!
//! All money is whole nano-dollars: a millionth of a dollar is more than one cheap token costs. **What is unknown is never
//! zero**: a book without a price for a model answers `None`, a budget refuses what it cannot price, and a ledger says
//! that it does not know.
//!
//! With the feature `bundled-prices`, [`bundled`] knows what the main providers charge, as of the date that its table
//! says.

mod bill;
mod book;
#[cfg(feature = "bundled-prices")]
mod bundle;
mod table;

pub(crate) use bill::Bill;
pub use book::PriceBook;
#[cfg(feature = "bundled-prices")]
pub use bundle::bundled;
pub use table::{InvalidPrice, Price, TokenClass};
