//! Provider translation.

mod dialect;

pub use dialect::{Decode, Dialect, Dropped, Upstream};
