//! Sources: what a text was found to repeat, and what a search found for it.

use crate::chat::{Citation, Sink};
use crate::json::{Raw, Text};
use crate::translate::decode::string;

/// How long the text is of which sources are told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    pub(super) bytes: u64,
    pub(super) characters: u64,
}

impl Extent {
    /// Where a segment stands; the whole text, where that is not known.
    fn place(self, segment: Option<Raw<'_>>) -> (u64, u64) {
        let place = |name: &str| segment?.get(name).and_then(Raw::as_u64).filter(|_| self.bytes == self.characters);
        let start = place("startIndex").unwrap_or(0).min(self.characters);
        (start, place("endIndex").unwrap_or(self.characters).clamp(start, self.characters))
    }
}

/// Tells the `citations` that have a URL. Google counts in bytes and OpenAI in characters: where the two differ, the
/// source is one of the whole text.
pub(super) fn tell(citations: Raw<'_>, extent: Extent, sink: &mut impl Sink) {
    for citation in citations.elements() {
        let (Ok(url), Ok(title)) = (string(citation.get("uri")), string(citation.get("title"))) else { continue };
        if url.is_empty() {
            continue;
        }
        let (start, end) = extent.place(Some(citation));
        sink.citation(Citation { url, title, start, end });
    }
}

/// Tells the pages of the web in `groundingChunks`: each with the segments of the text that `groundingSupports` gives it,
/// or, where there are none at all, as one of the whole text.
pub(super) fn tell_grounding(grounding: Raw<'_>, extent: Extent, sink: &mut impl Sink) {
    let list = |name: &str| grounding.get(name).into_iter().flat_map(Raw::elements);
    let pages: Vec<_> = list("groundingChunks").map(page).collect();
    let mut tell = |page: Option<&Option<(Text<'_>, Text<'_>)>>, (start, end)| {
        if let Some(&Some((url, title))) = page {
            sink.citation(Citation { url, title, start, end });
        }
    };
    let mut any = false;
    for support in list("groundingSupports") {
        any = true;
        let place = extent.place(support.get("segment"));
        for index in support.get("groundingChunkIndices").into_iter().flat_map(Raw::elements) {
            let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
            tell(index.and_then(|index| pages.get(index)), place);
        }
    }
    if !any {
        pages.iter().for_each(|page| tell(Some(page), extent.place(None)));
    }
}

/// The URL and the title of a page of the web.
fn page(chunk: Raw<'_>) -> Option<(Text<'_>, Text<'_>)> {
    let web = chunk.get("web")?;
    let (url, title) = (string(web.get("uri")).ok()?, string(web.get("title")).ok()?);
    (!url.is_empty()).then_some((url, title))
}
