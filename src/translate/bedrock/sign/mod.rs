//! Requests to Amazon Bedrock, signed with AWS Signature Version 4.
//!
//! A request is written in a canonical form, this one is signed with a key of the day, and the signature travels in a header:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

mod canonical;
mod credentials;
mod future;
mod key;
mod layer;
mod path;
mod rotation;
mod service;
mod signer;
mod source;
mod stamp;
#[cfg(test)]
mod tests;
#[cfg(feature = "mock")]
mod verify;

pub use credentials::Credentials;
pub use future::ResponseFuture;
pub use layer::SigV4Layer;
pub use service::SigV4;
pub use source::CredentialSource;
#[cfg(feature = "mock")]
pub(crate) use verify::{Unsigned, verify};

/// The service's name in what is signed.
const SERVICE: &str = "bedrock";
