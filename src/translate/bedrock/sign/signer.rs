use std::time::Duration;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::canonical::{Canonical, signed_names};
use super::key::{KeyCache, hmac};
use super::stamp::Stamp;
use super::{Credentials, SERVICE};
use crate::error::ApiError;
use crate::translate::InvalidConfig;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Signs for one region.
pub(super) struct Signer {
    region: Box<str>,
    keys: KeyCache,
}

impl Signer {
    pub(super) fn new(region: &str) -> Result<Self, InvalidConfig> {
        let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || !region.bytes().all(is_valid) {
            return Err(InvalidConfig::new("the region must be the name of an AWS region, like us-east-1"));
        }
        Ok(Self { region: region.into(), keys: KeyCache::default() })
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Writes the date, the session token and the signature into the headers, in place of any that are there.
    ///
    /// # Errors
    /// If the request does not say which host it is for: 500, as it is the host's own mistake.
    pub(super) fn sign(
        &self,
        request: &mut Parts,
        body: &[u8],
        credentials: &Credentials,
        now: Duration,
    ) -> Result<(), ApiError> {
        let stamp = Stamp::new(now);
        request.headers.insert(DATE, header(stamp.as_str())?);
        match credentials.token_header() {
            Some(token) => request.headers.insert(SECURITY_TOKEN, token.clone()),
            None => request.headers.remove(SECURITY_TOKEN),
        };
        let names = signed_names(&request.headers);
        let authorization = self.authorization(request, &names, body, credentials, &stamp)?;
        let mut authorization = header(&authorization)?;
        authorization.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }

    /// The value of `authorization` for a request that has all its other headers, of which those with these names are signed.
    pub(super) fn authorization(
        &self,
        request: &Parts,
        names: &[&str],
        body: &[u8],
        credentials: &Credentials,
        stamp: &Stamp,
    ) -> Result<String, ApiError> {
        let Canonical { text, signed_headers } =
            Canonical::new(request, names, &sha256(body)).ok_or_else(ApiError::internal)?;
        let scope = format!("{}/{}/{SERVICE}/aws4_request", stamp.date(), self.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", stamp.as_str(), sha256(&text));
        let signature = self
            .keys
            .get(credentials, stamp.date(), &self.region)
            .and_then(|key| hmac(&key, &to_sign))
            .map_err(|_| ApiError::internal())?;
        let (id, signature) = (credentials.access_key_id(), hex(&signature));
        Ok(format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"))
    }
}

fn header(value: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(value).map_err(|_| ApiError::internal())
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes).into())
}

pub(super) fn hex(digest: &[u8; 32]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}
