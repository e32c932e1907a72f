//! OpenAI's error object, and how every failure becomes one.
//!
//! [`ApiError`] is what a client is shown: a status and the object that the OpenAI SDKs read. Its constructors are the errors
//! that the layers answer with, and a host's own layers and decoders may answer with them too. [`ApiError::from_box`] says
//! what any other error means to a client. [`FailureClass`] says what it means to whoever may try again.

mod api_error;
mod boxed;
mod class;
mod request;
mod timeout;
mod upstream;

pub use api_error::ApiError;
pub(crate) use api_error::ErrorCode;
pub use boxed::BoxError;
pub(crate) use boxed::{chain, is_answer_timeout};
pub use class::FailureClass;
pub use timeout::TimeoutKind;
