use http::{HeaderName, HeaderValue, Method};

use super::vectors::{Case, amazons};
use super::*;

fn request() -> Parts {
    let uri = Uri::from_static("http://127.0.0.1:8080/model/a%3A0/converse?b=1");
    signed(post(uri), b"body", REGION, &credentials("AKID"), NOON)
}

#[test]
fn our_own_signature_is_right() {
    assert_eq!(verify(&request(), b"body", &credentials("AKID")), Ok(()));

    let role = credentials("AKID").session_token("token").unwrap();
    let parts = signed(request(), b"body", "eu-west-1", &role, NOON);
    assert_eq!(verify(&parts, b"body", &role), Ok(()));
    assert_eq!(verify(&parts, b"body", &credentials("AKID")), Err(Unsigned::Wrong));
}

/// Amazon's own signer signs whatever headers it is given.
#[test]
fn others_may_sign_more() {
    let case = Case {
        uri: "https://bedrock.test/model/m/converse".to_owned(),
        method: Method::POST,
        headers: vec![("accept", "application/json".to_owned()), ("amz-sdk-request", "attempt=1; max=3".to_owned())],
        body: b"body".to_vec(),
        region: REGION.to_owned(),
        id: "AKID".to_owned(),
        secret: "secret".to_owned(),
        token: Some("token".to_owned()),
        seconds: NOON.as_secs(),
    };
    let mut parts = Request::post(&*case.uri).body(()).unwrap().into_parts().0;
    let given = case.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    for (name, value) in given.chain(amazons(&case)) {
        parts.headers.insert(HeaderName::try_from(name).unwrap(), value.try_into().unwrap());
    }
    let role = Credentials::new("AKID", "secret").unwrap().session_token("token").unwrap();
    assert_eq!(verify(&parts, b"body", &role), Ok(()));
    parts.headers.insert("accept", HeaderValue::from_static("text/plain"));
    assert_eq!(verify(&parts, b"body", &role), Err(Unsigned::Wrong));
}

#[test]
fn the_host_may_be_in_its_header_as_it_is_over_http_1() {
    let mut parts = request();
    parts.uri = Uri::from_static("/model/a%3A0/converse?b=1");
    assert_eq!(verify(&parts, b"body", &credentials("AKID")), Err(Unsigned::Wrong));
    parts.headers.insert("host", HeaderValue::from_static("127.0.0.1:8080"));
    assert_eq!(verify(&parts, b"body", &credentials("AKID")), Ok(()));
    parts.headers.insert("host", HeaderValue::from_static("127.0.0.1"));
    assert_eq!(verify(&parts, b"body", &credentials("AKID")), Err(Unsigned::Wrong));
}

#[test]
fn whatever_is_changed_is_seen() {
    let changed = |change: fn(&mut Parts)| {
        let mut parts = request();
        change(&mut parts);
        verify(&parts, b"body", &credentials("AKID"))
    };
    let changes: [fn(&mut Parts); 8] = [
        |parts| parts.method = Method::PUT,
        |parts| parts.uri = Uri::from_static("http://127.0.0.1:8080/model/a:0/converse?b=1"),
        |parts| parts.uri = Uri::from_static("http://127.0.0.1:8080/model/a%3A0/converse?b=2"),
        |parts| parts.uri = Uri::from_static("http://127.0.0.1:8081/model/a%3A0/converse?b=1"),
        |parts| drop(parts.headers.insert("content-type", HeaderValue::from_static("text/plain"))),
        |parts| drop(parts.headers.insert("x-amz-date", HeaderValue::from_static("20261122T120001Z"))),
        |parts| drop(parts.headers.remove("x-amz-date")),
        |parts| drop(parts.headers.insert("x-amz-meta", HeaderValue::from_static("unsigned"))),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        assert_eq!(changed(change), Err(Unsigned::Wrong), "{index}");
    }
    assert_eq!(verify(&request(), b"other", &credentials("AKID")), Err(Unsigned::Wrong));
    assert_eq!(verify(&request(), b"body", &Credentials::new("AKID", "other").unwrap()), Err(Unsigned::Wrong));
    assert_eq!(verify(&request(), b"body", &credentials("OTHER")), Err(Unsigned::OtherKey));
    assert_eq!(changed(|parts| drop(parts.headers.remove("authorization"))), Err(Unsigned::Missing));
    let bearer = |parts: &mut Parts| drop(parts.headers.insert("authorization", HeaderValue::from_static("Bearer x")));
    assert_eq!(changed(bearer), Err(Unsigned::Missing));
}
