use std::future::{Future, ready};
use std::sync::Arc;

use super::Credentials;
use crate::error::BoxError;

/// Where credentials come from: a file, a role of the machine, a vault.
///
/// What has an end ([`Credentials::expires_at`]) is asked for again two minutes before it; what has none is asked for with
/// each request, so that a source that rotates is heeded at once. An error means that there are none at the moment: the
/// caller gets 503 without its text, so a source logs its own errors. Nothing here limits the time of asking: a source that
/// waits for something has to give up by itself.
///
/// [`Credentials`] are a source of themselves, and so is a closure:
///
/// ```
/// use tower_completions::BoxError;
/// use tower_completions::translate::bedrock::{Credentials, SigV4Layer};
///
/// let fixed = SigV4Layer::new("us-east-1", Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG")?)?;
/// let rotating = SigV4Layer::new("eu-central-1", async || {
///     // Ask `aws-config`'s chain of providers, or a vault.
///     let role = Credentials::new("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG")?;
///     Ok::<_, BoxError>(role.session_token("IQoJb3JpZ2luX2VjEXAMPLE")?)
/// })?;
/// # Ok::<(), BoxError>(())
/// ```
pub trait CredentialSource {
    /// The credentials of this moment.
    fn credentials(&self) -> impl Future<Output = Result<Credentials, BoxError>> + Send;
}

impl CredentialSource for Credentials {
    fn credentials(&self) -> impl Future<Output = Result<Credentials, BoxError>> + Send {
        ready(Ok(self.clone()))
    }
}

impl<K: CredentialSource + ?Sized> CredentialSource for Arc<K> {
    fn credentials(&self) -> impl Future<Output = Result<Credentials, BoxError>> + Send {
        (**self).credentials()
    }
}

impl<F, A> CredentialSource for F
where
    F: Fn() -> A,
    A: Future<Output = Result<Credentials, BoxError>> + Send,
{
    fn credentials(&self) -> impl Future<Output = Result<Credentials, BoxError>> + Send {
        self()
    }
}
