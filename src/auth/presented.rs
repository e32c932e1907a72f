use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::secret::Secret;

static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
static API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The key that a caller sent, not yet believed: one or more visible ASCII characters, which print as `***`.
///
/// It is opaque: hash it and look the hash up, rather than put it into a query or a log.
#[derive(Clone)]
pub struct PresentedKey(Secret);

impl PresentedKey {
    /// The key, unless it is empty or holds anything but visible ASCII characters (0x21 to 0x7E).
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let secret = Secret::new(text);
        let text = secret.expose().as_bytes();
        (!text.is_empty() && text.iter().all(u8::is_ascii_graphic)).then_some(Self(secret))
    }

    /// The key itself.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The headers in which a key is looked for, besides `authorization`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sources {
    pub(super) x_api_key: bool,
    pub(super) api_key: bool,
}

impl Sources {
    /// Takes the credentials out of the headers: the key, if there was exactly one in an accepted header and well formed.
    ///
    /// All three headers are gone afterwards, accepted or not.
    pub(super) fn take(self, headers: &mut HeaderMap) -> Option<PresentedKey> {
        let key = self.read(headers);
        for name in [&AUTHORIZATION, &X_API_KEY, &API_KEY] {
            headers.remove(name);
        }
        key
    }

    fn read(self, headers: &HeaderMap) -> Option<PresentedKey> {
        let x_api_key = self.x_api_key.then(|| headers.get_all(&X_API_KEY)).into_iter().flatten();
        let api_key = self.api_key.then(|| headers.get_all(&API_KEY)).into_iter().flatten();
        let mut bare = x_api_key.chain(api_key);
        let mut bearers = headers.get_all(&AUTHORIZATION).iter();
        match (bearers.next(), bearers.next(), bare.next(), bare.next()) {
            (Some(value), None, None, _) => bearer(value),
            (None, _, Some(value), None) => PresentedKey::new(value.to_str().ok()?),
            _ => None,
        }
    }
}

/// `Bearer` in any case, one or more spaces, one token (RFC 6750, section 2.1).
fn bearer(value: &HeaderValue) -> Option<PresentedKey> {
    let (scheme, mut token) = value.as_bytes().split_first_chunk::<7>()?;
    while let [b' ', rest @ ..] = token {
        token = rest;
    }
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| PresentedKey::new(std::str::from_utf8(token).ok()?))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Sources = Sources { x_api_key: true, api_key: true };

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            })
    }

    fn take(sources: Sources, lines: &[(&'static str, &'static str)]) -> Option<String> {
        let mut headers = headers(lines);
        headers.insert("accept", HeaderValue::from_static("*/*"));
        let key = sources.take(&mut headers).map(|key| key.expose().to_owned());
        assert_eq!(headers.len(), 1, "{headers:?}");
        key
    }

    #[test]
    fn spellings_of_the_authorization_header() {
        let good = ["Bearer sk-1", "bearer sk-1", "BEARER sk-1", "bEaReR sk-1", "Bearer  sk-1"];
        for value in good {
            assert_eq!(take(Sources::default(), &[("authorization", value)]).as_deref(), Some("sk-1"), "{value:?}");
        }
        let bad = [
            "",
            "Bearer",
            "Bearer ",
            "Bearer    ",
            "Bearersk-1",
            "sk-1",
            "Basic sk-1",
            "Token sk-1",
            "Bearer: sk-1",
            "Bearer\tsk-1",
            "Bearer \tsk-1",
            "Bearer sk-1\t",
            "Bearer sk-1 ",
            " Bearer sk-1",
            "Bearer sk-1 sk-2",
            "Bearer sk-1, Bearer sk-2",
            "Bearer Bearer sk-1",
            "Bearer\u{a0}sk-1",
            "Bearer\u{3000}sk-1",
            "Bearer sk-1\u{200b}",
            "Bearer \u{feff}sk-1",
            "Bearer sk\u{2011}1",
            "Bearer ｓｋ-1",
            "Ｂearer sk-1",
            "Bea\u{200d}rer sk-1",
        ];
        for value in bad {
            assert_eq!(take(Sources::default(), &[("authorization", value)]), None, "{value:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer sk\xff1").unwrap());
        assert!(Sources::default().take(&mut headers).is_none());
    }

    #[test]
    fn exactly_one_header_of_those_accepted() {
        let x_api_key = Sources { x_api_key: true, api_key: false };
        let api_key = Sources { x_api_key: false, api_key: true };
        let authorization = ("authorization", "Bearer sk-1");
        type Case<'a> = (Sources, &'a [(&'static str, &'static str)], Option<&'static str>);
        let cases: [Case<'_>; 18] = [
            (Sources::default(), &[], None),
            (Sources::default(), &[authorization, authorization], None),
            (Sources::default(), &[authorization, ("authorization", "Basic eDp5")], None),
            (Sources::default(), &[authorization, ("x-api-key", "sk-2"), ("api-key", "sk-3")], Some("sk-1")),
            (Sources::default(), &[("x-api-key", "sk-2")], None),
            (Sources::default(), &[("api-key", "sk-3")], None),
            (x_api_key, &[("x-api-key", "sk-2")], Some("sk-2")),
            (x_api_key, &[("x-api-key", "sk-2"), ("api-key", "sk-3")], Some("sk-2")),
            (x_api_key, &[("x-api-key", "sk-2"), ("x-api-key", "sk-2")], None),
            (x_api_key, &[authorization, ("x-api-key", "sk-1")], None),
            (x_api_key, &[("authorization", ""), ("x-api-key", "sk-2")], None),
            (x_api_key, &[("x-api-key", "Bearer sk-2")], None),
            (x_api_key, &[("x-api-key", "")], None),
            (x_api_key, &[("x-api-key", "sk\t2")], None),
            (x_api_key, &[authorization], Some("sk-1")),
            (api_key, &[("api-key", "sk-3")], Some("sk-3")),
            (api_key, &[("x-api-key", "sk-2")], None),
            (BOTH, &[("x-api-key", "sk-2"), ("api-key", "sk-2")], None),
        ];
        for (sources, lines, key) in cases {
            assert_eq!(take(sources, lines).as_deref(), key, "{sources:?} {lines:?}");
        }
    }

    #[test]
    fn prints_nothing_of_itself() {
        assert_eq!(format!("{:?}", PresentedKey::new("planted")), "Some(***)");
    }
}
