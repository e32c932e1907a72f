//! Sources that a text refers to.

use super::unreadable::string;
use crate::chat::{Citation, Sink};
use crate::json::Raw;

/// Tells one citation of a text that stands at these characters of the answer.
///
/// Only those of the web have a form in OpenAI's answers; places in the client's own documents have none.
pub(super) fn tell(citation: &str, start: u64, end: u64, sink: &mut impl Sink) {
    let citation = Raw::checked(citation);
    let kind = citation.get("type").and_then(Raw::as_text);
    if !kind.is_some_and(|kind| kind.eq_str("web_search_result_location")) {
        return;
    }
    if let (Some(url), Ok(title)) = (citation.get("url").and_then(Raw::as_text), string(citation.get("title"))) {
        sink.citation(Citation { url, title, start, end });
    }
}
