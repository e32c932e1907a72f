//! Signatures against Amazon's own, and credentials that come and go.

mod rotation;
mod service;
mod vectors;
#[cfg(feature = "mock")]
mod verify;

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Uri};

use super::signer::Signer;
use super::*;

const REGION: &str = "us-east-1";
/// 2026-11-22, noon in Greenwich.
const NOON: Duration = Duration::from_secs(1_795_348_800);

fn credentials(id: &str) -> Credentials {
    Credentials::new(id, "NOT-A-REAL-SECRET-test-only").unwrap()
}

/// A request's head, signed by us.
fn signed(mut parts: Parts, body: &[u8], region: &str, credentials: &Credentials, now: Duration) -> Parts {
    Signer::new(region).unwrap().sign(&mut parts, body, credentials, now).unwrap();
    parts
}

fn post(uri: Uri) -> Parts {
    Request::post(uri).header("content-type", "application/json").body(()).unwrap().into_parts().0
}
