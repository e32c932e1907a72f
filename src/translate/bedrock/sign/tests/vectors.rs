//! The golden vectors of botocore, and random requests beside aws-sigv4.

use std::time::UNIX_EPOCH;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderValue, Method};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::translate::bedrock::sign::canonical::{Canonical, signed_names};

#[test]
fn the_vectors_of_botocore() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../../../../../tests/golden/bedrock/sigv4-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let mut credentials = Credentials::new(text("access_key_id"), text("secret_access_key")).unwrap();
        if let Some(token) = vector["session_token"].as_str() {
            credentials = credentials.session_token(token).unwrap();
        }
        let uri = format!("https://{}{}", text("host"), text("path_sent")).parse().unwrap();
        let parts = signed(post(uri), text("body").as_bytes(), text("region"), &credentials, NOON);

        let canonical = text("canonical_request");
        let (_, body_digest) = canonical.rsplit_once('\n').unwrap();
        assert_eq!(
            String::from_utf8(Canonical::new(&parts, &signed_names(&parts.headers), body_digest).unwrap().text)
                .unwrap(),
            canonical
        );
        assert_eq!(parts.headers["authorization"], text("authorization"));
        assert!(parts.headers["authorization"].is_sensitive());
        for (name, value) in vector["headers_signed"].as_object().unwrap() {
            if name != "host" {
                assert_eq!(parts.headers[name], value.as_str().unwrap());
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) uri: String,
    pub(super) method: Method,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) region: String,
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
    pub(super) seconds: u64,
}

prop_compose! {
    fn a_uri()(
        scheme in prop::sample::select(vec!["http", "https"]),
        host in prop::sample::select(vec!["bedrock-runtime.us-east-1.amazonaws.com", "127.0.0.1", "[::1]", "h"]),
        port in prop::option::of(prop::sample::select(vec![80_u16, 443, 8080])),
        segments in vec("[a-zA-Z0-9._~:@!$'()*+,;=-]{0,6}|(%[0-9A-F]{2}){1,3}|arn%3Aaws%2Fx|\\.|\\.\\.|", 0..6),
        query in vec("[a-c]{1,2}=[a-z0-9._~-]{0,4}(%20)?", 0..4),
    ) -> String {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{scheme}://{host}{port}/{}{query}", segments.join("/"))
    }
}

prop_compose! {
    fn a_case()(
        uri in a_uri(),
        method in prop::sample::select(vec![Method::POST, Method::GET]),
        headers in vec((
            prop::sample::select(vec!["content-type", "x-amz-meta", "x-amzn-bedrock-trace", "host"]),
            "[!-~]([ -~]{0,12}[!-~])?",
        ), 0..5),
        body in vec(any::<u8>(), 0..300),
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        id in "[A-Z0-9]{16,20}",
        secret in "[!-~]{1,100}",
        token in prop::option::of("[a-zA-Z0-9/+=]{1,400}"),
        seconds in 0..253_402_300_799_u64,
    ) -> Case {
        Case { uri, method, headers, body, region, id, secret, token, seconds }
    }
}

/// What Amazon's own signer adds to the request.
pub(super) fn amazons(case: &Case) -> Vec<(String, String)> {
    let identity =
        aws_credential_types::Credentials::new(&case.id, &case.secret, case.token.clone(), None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&case.region)
        .name(SERVICE)
        .time(UNIX_EPOCH + Duration::from_secs(case.seconds))
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let headers = case.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let request =
        SignableRequest::new(case.method.as_str(), &case.uri, headers, SignableBody::Bytes(&case.body)).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn amazons_own_signer_says_the_same(case in a_case()) {
        let mut case = case;
        // More than one host is no request.
        let mut hosts = 0;
        case.headers.retain(|(name, _)| *name != "host" || { hosts += 1; hosts == 1 });

        let mut request = Request::builder().method(case.method.clone()).uri(&*case.uri);
        for (name, value) in &case.headers {
            request = request.header(*name, value);
        }
        // What is not signed makes no difference, and what an earlier attempt left is replaced.
        for name in ["user-agent", "accept-encoding", "traceparent", "x-amzn-trace-id", "authorization", "x-amz-date"] {
            request = request.header(name, "whatever");
        }
        let mut credentials = Credentials::new(&*case.id, &case.secret).unwrap();
        if let Some(token) = &case.token {
            credentials = credentials.session_token(token).unwrap();
        } else {
            request = request.header("x-amz-security-token", "of an earlier attempt");
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let parts = signed(parts, &case.body, &case.region, &credentials, Duration::from_secs(case.seconds));

        for (name, value) in amazons(&case) {
            prop_assert_eq!(parts.headers.get_all(&name).iter().collect::<Vec<_>>(), [&HeaderValue::from_str(&value).unwrap()]);
        }
        prop_assert_eq!(parts.headers.contains_key("x-amz-security-token"), case.token.is_some());
        prop_assert!(!parts.headers.contains_key("x-amz-content-sha256"));
    }
}
