//! Who may ask: an API key, or a signature.

use http::Request;
use http::request::Parts;

use super::super::Recorded;
use super::super::protocol::Refusal;
use crate::translate::bedrock::{Credentials, Unsigned, verify};

/// `key` is an API key, or the id and the secret of an access key with a colon between them.
pub(super) fn check(request: &Recorded, key: &str) -> Result<(), Refusal> {
    if let Some(bearer) = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
        let message = "Authentication failed: Please make sure your API Key is valid.";
        return (bearer == key).then_some(()).ok_or_else(|| denied("AccessDeniedException", message));
    }
    let access_key = key.split_once(':').and_then(|(id, secret)| Credentials::new(id, secret).ok());
    let outcome = match access_key {
        Some(credentials) => verify(&head(request), &request.body, &credentials),
        None if request.headers.contains_key("authorization") => Err(Unsigned::OtherKey),
        None => Err(Unsigned::Missing),
    };
    outcome.map_err(|unsigned| match unsigned {
        Unsigned::Missing => denied("MissingAuthenticationTokenException", "Missing Authentication Token"),
        Unsigned::OtherKey => {
            denied("UnrecognizedClientException", "The security token included in the request is invalid.")
        }
        Unsigned::Wrong => denied(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method. Consult the service documentation for details.",
        ),
    })
}

fn denied(exception: &'static str, message: &str) -> Refusal {
    Refusal::new(403, message).code(exception)
}

fn head(request: &Recorded) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = request.method.clone();
    parts.uri = request.uri.clone();
    parts.headers = request.headers.clone();
    parts
}
