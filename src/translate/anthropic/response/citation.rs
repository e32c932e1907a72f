//! Sources that a text refers to.

use crate::json::{Raw, Text};
use crate::translate::decode::{Source, string};

/// The source of a citation, if it is one of the web; places in the client's own documents have no form in OpenAI's
/// answers.
pub(super) fn source(citation: Raw<'_>) -> Option<Source> {
    let kind = citation.get("type").and_then(Raw::as_text);
    if !kind.is_some_and(|kind| kind.eq_str("web_search_result_location")) {
        return None;
    }
    let url = citation.get("url").and_then(Raw::as_text)?;
    let title = string(citation.get("title")).ok()?;
    let owned = |text: Text<'_>| text.to_str().into_owned();
    Some(Source { url: owned(url), title: owned(title) })
}
