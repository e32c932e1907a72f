//! How much may be used: requests and tokens in a window, answers in progress, money.

mod store;

pub use store::{
    Admission, Allowance, Ask, Cost, Dimension, Left, LimitStore, Refusal, Reservation, Spending, Standing, Subject,
    SubjectKind,
};
