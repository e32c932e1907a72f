//! Where a provider is, and what is sent to it as a secret: checked once, when it is configured.

use std::fmt;

use http::uri::{Parts, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

/// A setting of a dialect that cannot be used. Never repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig(&'static str);

impl InvalidConfig {
    /// Says what is wrong and what would be right.
    pub fn new(reason: &'static str) -> Self {
        Self(reason)
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidConfig {}

/// A provider's base URL.
#[derive(Clone)]
pub struct BaseUrl {
    origin: Uri,
    path: Box<str>,
}

impl BaseUrl {
    /// Checks a base URL. A slash at its end makes no difference.
    ///
    /// # Errors
    /// If it is not an `http` or `https` URL, or has a user, a query or a fragment.
    pub fn new(url: &str) -> Result<Self, InvalidConfig> {
        let invalid = InvalidConfig("the base URL must be like https://host/path, without user, query and fragment");
        let origin: Uri = url.parse().map_err(|_| invalid.clone())?;
        let is_http = origin.scheme() == Some(&Scheme::HTTP) || origin.scheme() == Some(&Scheme::HTTPS);
        let has_user = origin.authority().is_none_or(|authority| authority.as_str().contains('@'));
        if !is_http || has_user || url.contains(['?', '#']) {
            return Err(invalid);
        }
        let path = origin.path().trim_end_matches('/').into();
        Ok(Self { origin, path })
    }

    /// The URL with more of a path, which begins with a slash and is percent-encoded where it must be.
    ///
    /// # Errors
    /// If that is no URL, or the path brings a fragment along.
    pub fn join(&self, path: &str) -> Result<Uri, InvalidConfig> {
        let invalid = || InvalidConfig("this path cannot be added to the base URL");
        if !path.starts_with('/') || path.contains('#') {
            return Err(invalid());
        }
        let mut parts = Parts::from(self.origin.clone());
        parts.path_and_query = Some(PathAndQuery::try_from(format!("{}{path}", self.path)).map_err(|_| invalid())?);
        Uri::from_parts(parts).map_err(|_| invalid())
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.origin, f)
    }
}

/// A header value that is marked as sensitive, so that it is never shown and never put into a compression table.
///
/// # Errors
/// If it has characters that a header cannot hold.
pub fn secret_header(value: &str) -> Result<HeaderValue, InvalidConfig> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| InvalidConfig("the API key has characters that cannot stand in an HTTP header"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_paths() {
        for base in ["https://h:8443/a/v1", "https://h:8443/a/v1/"] {
            assert_eq!(BaseUrl::new(base).unwrap().join("/x?alt=sse").unwrap(), "https://h:8443/a/v1/x?alt=sse");
        }
        assert_eq!(BaseUrl::new("http://h").unwrap().join("/v1/messages").unwrap(), "http://h/v1/messages");
    }

    #[test]
    fn a_path_cannot_leave_the_host() {
        let base = BaseUrl::new("https://h/v1").unwrap();
        for path in ["x", "@evil", "/a#b", "/a b", "//\n"] {
            assert!(base.join(path).is_err(), "{path}");
        }
        assert_eq!(base.join("//evil/..").unwrap().host(), Some("h"));
    }

    #[test]
    fn refuses_what_could_lead_elsewhere() {
        for url in ["", "h", "/v1", "ftp://h", "http://user:pw@h", "http://h/?q", "http://h/#f", "http:///x"] {
            assert!(BaseUrl::new(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_secret_header_is_not_shown() {
        assert!(!format!("{:?}", secret_header("planted").unwrap()).contains("planted"));
        assert!(secret_header("a\nb").is_err());
    }
}
