//! Several places where the same model can be asked: keys, regions, providers. [`Targets`] has the words.

mod body;
mod choice;
mod future;
mod health;
mod pool;
mod service;
mod snapshot;
mod target;
#[cfg(test)]
mod tests;

pub use body::TargetBody;
pub use choice::{Balance, StickyKey};
pub use future::TargetsFuture;
pub use health::Health;
pub use service::Targets;
pub use snapshot::{TargetSnapshot, TargetState};
pub use target::Target;
