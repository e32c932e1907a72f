//! What a body is said to be.

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};

pub(crate) const JSON: &str = "application/json";
pub(crate) const EVENTS: &str = "text/event-stream";

/// Whether a `Content-Type` is this media type, in any case and with any parameters.
pub(crate) fn is(content_type: &HeaderValue, media_type: &str) -> bool {
    let value = content_type.as_bytes().trim_ascii_start();
    let Some((essence, rest)) = value.split_at_checked(media_type.len()) else { return false };
    let is_whole = matches!(rest.trim_ascii_start(), [] | [b';', ..]);
    is_whole && essence.eq_ignore_ascii_case(media_type.as_bytes())
}

/// Whether a body is compressed, or whatever else its `Content-Encoding` may say.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_no_encoding() {
        for (codings, encoded) in [
            (&[][..], false),
            (&["identity"], false),
            (&["Identity"], false),
            (&["identity", "gzip"], true),
            (&[""], true),
        ] {
            let lines = codings.iter().map(|coding| (CONTENT_ENCODING, HeaderValue::from_static(coding)));
            assert_eq!(is_encoded(&lines.collect()), encoded, "{codings:?}");
        }
    }

    #[test]
    fn case_and_parameters_do_not_matter() {
        for (content_type, json, events) in [
            ("application/json", true, false),
            ("Application/JSON ; charset=utf-8", true, false),
            ("application/json;", true, false),
            (" \tapplication/json \t", true, false),
            ("application/json x", false, false),
            ("application/jsonp", false, false),
            ("application/json, text/plain", false, false),
            ("text/event-stream; charset=utf-8", false, true),
            ("Text/Event-Stream", false, true),
            ("", false, false),
        ] {
            let content_type = HeaderValue::from_static(content_type);
            assert_eq!((is(&content_type, JSON), is(&content_type, EVENTS)), (json, events), "{content_type:?}");
        }
    }
}
