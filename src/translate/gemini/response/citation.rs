//! Sources that a text was found to repeat.

use crate::chat::{Citation, Sink};
use crate::json::Raw;
use crate::translate::decode::string;

/// How long the text is of which sources are told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    pub(super) bytes: u64,
    pub(super) characters: u64,
}

/// Tells the `citations` that have a URL. Google counts in bytes and OpenAI in characters: where the two differ, the
/// source is one of the whole text.
pub(super) fn tell(citations: Raw<'_>, extent: Extent, sink: &mut impl Sink) {
    for citation in citations.elements() {
        let (Ok(url), Ok(title)) = (string(citation.get("uri")), string(citation.get("title"))) else { continue };
        if url.is_empty() {
            continue;
        }
        let place = |name: &str| citation.get(name).and_then(Raw::as_u64).filter(|_| extent.bytes == extent.characters);
        let start = place("startIndex").unwrap_or(0).min(extent.characters);
        let end = place("endIndex").unwrap_or(extent.characters).clamp(start, extent.characters);
        sink.citation(Citation { url, title, start, end });
    }
}
