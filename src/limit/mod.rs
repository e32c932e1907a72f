//! How much may be used: requests and tokens in a window, answers in progress, money.

mod account;
mod body;
mod bucket;
mod budget;
mod endpoint;
mod estimate;
mod future;
mod guard;
mod headers;
mod layer;
mod learned;
mod limiter;
mod memory;
#[cfg(all(test, shuttle))]
mod model;
#[cfg(feature = "redis")]
pub mod redis;
mod refusal;
mod report;
mod report_json;
mod restore;
mod service;
mod store;
mod sync;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod usd;

pub use body::LimitBody;
pub use endpoint::{UsageEndpoint, UsageEndpointFuture};
pub use future::ResponseFuture;
pub use layer::RateLimitLayer;
pub use memory::MemoryLimits;
pub use report::{UsageFuture, UsageReport};
pub use restore::Restored;
pub use service::RateLimit;
pub use store::{
    Admission, Allowance, Ask, Cost, Dimension, Left, LimitStore, Refusal, Reservation, Spending, Standing, Subject,
    SubjectKind,
};
