//! What a body is said to be.

use http::HeaderValue;

pub(crate) const JSON: &str = "application/json";
pub(crate) const EVENTS: &str = "text/event-stream";

/// Whether a `Content-Type` is this media type, in any case and with any parameters.
pub(crate) fn is(content_type: &HeaderValue, media_type: &str) -> bool {
    let essence = content_type.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(media_type.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_parameters_do_not_matter() {
        for (content_type, json, events) in [
            ("application/json", true, false),
            ("Application/JSON ; charset=utf-8", true, false),
            ("application/json;", true, false),
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
