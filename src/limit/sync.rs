//! The locks of the store in memory; the ones of [shuttle](https://docs.rs/shuttle) where its model is checked.

#[cfg(shuttle)]
pub(super) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub(super) use std::sync::{Mutex, MutexGuard};
