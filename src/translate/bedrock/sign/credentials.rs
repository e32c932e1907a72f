use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

use crate::secret::Secret;
use crate::translate::{InvalidConfig, secret_header};

/// What Amazon gives to those who sign: an access key, and for a role a session token and an end.
///
/// `Debug` shows the id of the access key, which Amazon's own logs do, and nothing secret.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_completions::translate::bedrock::Credentials;
///
/// let user = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG")?;
/// let role = Credentials::new("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG")?
///     .session_token("IQoJb3JpZ2luX2VjEXAMPLE")?
///     .expires_at(SystemTime::now() + Duration::from_secs(3600));
/// assert!(!format!("{role:?}").contains("wJalr"));
/// # Ok::<(), tower_completions::translate::InvalidConfig>(())
/// ```
#[derive(Clone, Debug)]
pub struct Credentials {
    access_key_id: Arc<str>,
    /// `AWS4` and the secret access key: what the chain of keys begins with.
    seed: Secret,
    session_token: Option<HeaderValue>,
    /// Since the Unix epoch.
    expires: Option<Duration>,
}

impl Credentials {
    /// An access key, which is valid until somebody takes it back.
    ///
    /// # Errors
    /// If one of the two is empty, or has characters that are in no access key, such as a line's end.
    pub fn new(access_key_id: impl Into<Arc<str>>, secret_access_key: &str) -> Result<Self, InvalidConfig> {
        let access_key_id = access_key_id.into();
        if access_key_id.is_empty() || !access_key_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(InvalidConfig::new(
                "the access key id must be of ASCII letters and digits, like AKIAIOSFODNN7EXAMPLE",
            ));
        }
        if secret_access_key.is_empty() || !secret_access_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidConfig::new(
                "the secret access key must be of visible ASCII characters, without spaces",
            ));
        }
        let seed = Secret::new(["AWS4", secret_access_key].concat());
        Ok(Self { access_key_id, seed, session_token: None, expires: None })
    }

    /// The token that belongs to the temporary credentials of a role.
    ///
    /// # Errors
    /// If it is empty or has characters that a header cannot hold.
    pub fn session_token(mut self, token: &str) -> Result<Self, InvalidConfig> {
        let invalid = || InvalidConfig::new("the session token must be of visible ASCII characters, without spaces");
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid());
        }
        self.session_token = Some(secret_header(token).map_err(|_| invalid())?);
        Ok(self)
    }

    /// When the credentials end. Until shortly before, they are used again without asking the [`CredentialSource`].
    ///
    /// [`CredentialSource`]: super::CredentialSource
    #[must_use]
    pub fn expires_at(mut self, end: SystemTime) -> Self {
        self.expires = Some(end.duration_since(UNIX_EPOCH).unwrap_or_default());
        self
    }

    /// The id of the access key, which is no secret.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// When the credentials end, since the Unix epoch.
    pub(super) fn expires(&self) -> Option<Duration> {
        self.expires
    }

    pub(super) fn seed(&self) -> &str {
        self.seed.expose()
    }

    /// The value of `x-amz-security-token`.
    pub(super) fn token_header(&self) -> Option<&HeaderValue> {
        self.session_token.as_ref()
    }

    /// Whether both sign alike. Neither of the two comes from a caller, so the time of the comparison tells nobody anything.
    pub(super) fn same_secret(&self, other: &Self) -> bool {
        self.seed() == other.seed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        let credentials = Credentials::new("AKID", "planted").unwrap().session_token("planted").unwrap();
        let text = format!("{credentials:?} {credentials:#?}");
        assert!(text.contains("AKID") && !text.contains("planted"), "{text}");
    }

    #[test]
    fn what_can_be_no_credentials_is_refused_without_being_repeated() {
        let token = |token| Credentials::new("AKID", "secret").and_then(|credentials| credentials.session_token(token));
        for refused in [
            Credentials::new("", "secret"),
            Credentials::new("AK/ID", "secret"),
            Credentials::new("AKID\n", "secret"),
            Credentials::new("AKID", ""),
            Credentials::new("AKID", "planted\n"),
            Credentials::new("AKID", "plänted"),
            token(""),
            token("planted\r"),
            token("planted token"),
        ] {
            assert!(!refused.unwrap_err().to_string().contains("planted"));
        }
    }
}
