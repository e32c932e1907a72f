//! The other side of a signature, for the mock that plays Amazon.

use http::header::AUTHORIZATION;
use http::request::Parts;

use super::Credentials;
use super::canonical::signed_names;
use super::signer::Signer;
use super::stamp::Stamp;

/// Why a request counts as not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsigned {
    /// There is no signature, or none that can be read.
    Missing,
    /// It is of another access key.
    OtherKey,
    /// It does not fit the request, or leaves out what has to be signed.
    Wrong,
}

/// Checks that these credentials signed this request. Its time is not compared with the clock.
pub(crate) fn verify(request: &Parts, body: &[u8], credentials: &Credentials) -> Result<(), Unsigned> {
    let text = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
    let sent = text(AUTHORIZATION.as_str()).and_then(Authorization::parse).ok_or(Unsigned::Missing)?;
    let mut scope = sent.credential.split('/');
    if scope.next() != Some(credentials.access_key_id()) {
        return Err(Unsigned::OtherKey);
    }
    let names: Vec<&str> = sent.signed_headers.split(';').collect();
    if signed_names(&request.headers).iter().any(|name| !names.contains(name)) {
        return Err(Unsigned::Wrong);
    }
    if text("x-amz-security-token") != credentials.token_header().and_then(|token| token.to_str().ok()) {
        return Err(Unsigned::Wrong);
    }
    let stamp = text("x-amz-date").and_then(Stamp::parse).ok_or(Unsigned::Wrong)?;
    let region = scope.nth(1).ok_or(Unsigned::Wrong)?;
    let signer = Signer::new(region).map_err(|_| Unsigned::Wrong)?;
    let right = signer.authorization(request, &names, body, credentials, &stamp).map_err(|_| Unsigned::Wrong)?;
    (Authorization::parse(&right) == Some(sent)).then_some(()).ok_or(Unsigned::Wrong)
}

/// What stands in the header.
#[derive(PartialEq, Eq)]
struct Authorization<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let fields = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let field = |name| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
        Some(Self {
            credential: field("Credential")?,
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
        })
    }
}
