//! How much may be used: requests and tokens in a window, answers in progress, money.

mod account;
mod bucket;
mod budget;
mod memory;
mod store;

pub use memory::MemoryLimits;
pub use store::{
    Admission, Allowance, Ask, Cost, Dimension, Left, LimitStore, Refusal, Reservation, Spending, Standing, Subject,
    SubjectKind,
};
