//! What is signed: a request in the one form that both sides can write, whatever became of it on its way.

use std::borrow::Cow;

use http::header::{CONTENT_TYPE, HOST};
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Uri};

use super::path::{push_path, push_query};

const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// A request as it is signed.
pub(super) struct Canonical {
    pub(super) text: Vec<u8>,
    /// The names of the headers that are in it, with semicolons between them.
    pub(super) signed_headers: String,
}

impl Canonical {
    /// With the headers of these names, which are sorted; `body_digest` is the body's SHA-256 in hexadecimal. None if the
    /// request does not say which host it is for.
    pub(super) fn new(request: &Parts, names: &[&str], body_digest: &str) -> Option<Self> {
        let host = host(request)?;
        let signed_headers = names.join(";");

        let mut text = Vec::with_capacity(512);
        text.extend_from_slice(request.method.as_str().as_bytes());
        text.push(b'\n');
        push_path(&mut text, request.uri.path());
        text.push(b'\n');
        push_query(&mut text, request.uri.query().unwrap_or_default());
        text.push(b'\n');
        for &name in names {
            text.extend_from_slice(name.as_bytes());
            text.push(b':');
            if name == HOST {
                push_collapsed(&mut text, &host);
            } else {
                push_values(&mut text, &request.headers, name);
            }
            text.push(b'\n');
        }
        text.push(b'\n');
        text.extend_from_slice(signed_headers.as_bytes());
        text.push(b'\n');
        text.extend_from_slice(body_digest.as_bytes());
        Some(Self { text, signed_headers })
    }
}

/// The names of the headers that Amazon wants signed, sorted. More would only break where a proxy changes what it may change.
pub(super) fn signed_names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().filter(|name| is_signed(name)).map(HeaderName::as_str).collect();
    if !headers.contains_key(HOST) {
        names.push(HOST.as_str());
    }
    names.sort_unstable();
    names
}

fn is_signed(name: &HeaderName) -> bool {
    let is_amazons = name.as_str().starts_with("x-amz-") || name.as_str().starts_with("x-amzn-");
    name == HOST || name == CONTENT_TYPE || is_amazons && name != TRACE_ID
}

/// What the HTTP client will put into `host`.
fn host(request: &Parts) -> Option<Cow<'_, [u8]>> {
    match request.headers.get(HOST) {
        Some(host) => Some(Cow::Borrowed(host.as_bytes())),
        None => host_of(&request.uri).map(|host| Cow::Owned(host.into_bytes())),
    }
}

/// The host of a URL, with its port where that is not the scheme's own.
fn host_of(uri: &Uri) -> Option<String> {
    let host = uri.host().filter(|host| !host.is_empty())?;
    let default_port = if uri.scheme() == Some(&Scheme::HTTP) { 80 } else { 443 };
    Some(match uri.port_u16() {
        Some(port) if port != default_port => format!("{host}:{port}"),
        _ => host.to_owned(),
    })
}

/// All values of a header, with commas between them.
fn push_values(out: &mut Vec<u8>, headers: &HeaderMap, name: &str) {
    for (index, value) in headers.get_all(name).iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_collapsed(out, value.as_bytes());
    }
}

/// A value without the spaces around it, and with one space where there are several.
fn push_collapsed(out: &mut Vec<u8>, value: &[u8]) {
    for (index, word) in value.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_what_will_be_sent() {
        for (uri, host) in [
            ("https://bedrock.test/model", Some("bedrock.test")),
            ("https://bedrock.test:443/", Some("bedrock.test")),
            ("https://bedrock.test:80/", Some("bedrock.test:80")),
            ("http://127.0.0.1:8080/", Some("127.0.0.1:8080")),
            ("http://[::1]:80/", Some("[::1]")),
            ("/model", None),
        ] {
            assert_eq!(host_of(&uri.parse().unwrap()).as_deref(), host, "{uri}");
        }
    }

    #[test]
    fn spaces_are_one_space() {
        for (value, expected) in [("", ""), ("  a   b c ", "a b c"), ("   ", ""), ("a\tb", "a\tb")] {
            let mut out = Vec::new();
            push_collapsed(&mut out, value.as_bytes());
            assert_eq!(out, expected.as_bytes());
        }
    }
}
