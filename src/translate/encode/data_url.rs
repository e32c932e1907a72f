//! URLs that hold their data.

use std::borrow::Cow;

/// Whether a URL begins with a scheme, in whatever case.
pub(crate) fn has_scheme(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// The media type, without its parameters, and the data of a `data:` URL in base64. Empty data is none.
pub(crate) fn data_url(url: &str) -> Option<(&str, &str)> {
    let rest = url.get("data:".len()..).filter(|_| has_scheme(url, "data:"))?;
    let (head, data) = rest.split_at(memchr::memchr(b',', rest.as_bytes())?);
    let mut words = head.split(';');
    let media_type = words.next()?.trim();
    let is_base64 = words.any(|word| word.trim().eq_ignore_ascii_case("base64"));
    let data = data.get(1..).filter(|data| is_base64 && !data.is_empty())?;
    Some((media_type, data))
}

/// A string from some byte on, without a copy where it is borrowed.
pub(crate) fn tail(text: Cow<'_, str>, at: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[at..]),
        Cow::Owned(text) => Cow::Owned(text[at..].to_owned()),
    }
}
