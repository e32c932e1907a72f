//! A chunk that is the one before but for its text, as most chunks of a stream are.

use memchr::memmem;

use crate::json::{Found, Place, Template};

/// What stands for the text and for the padding, to see where they go: characters of no script.
const MARKS: [(&str, Place); 2] = [("\u{f8ff}text\u{f8ff}", Place::Text), ("\u{f8ff}fill\u{f8ff}", Place::Padding)];

/// The chunk that was mended last, cut where its text and its padding stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Again {
    pieces: Vec<(Vec<u8>, Place)>,
    tail: Vec<u8>,
}

impl Again {
    /// The chunk with marks in place of its text and padding; none where they would not be told from what else it says.
    pub(super) fn marked(template: &Template) -> Option<Vec<u8>> {
        let [(text, _), (padding, _)] = MARKS;
        let without = template.with("", "");
        let is_free = |mark: &str| memmem::find(&without, mark.as_bytes()).is_none();
        (is_free(text) && is_free(padding)).then(|| template.with(text, padding))
    }

    /// What has become of the chunk with the marks.
    pub(super) fn cut(mut mended: &[u8]) -> Self {
        let mut pieces = Vec::new();
        loop {
            let found = MARKS.iter().filter_map(|(mark, place)| {
                let at = memmem::find(mended, mark.as_bytes())?;
                Some((at, at + mark.len(), *place))
            });
            let Some((start, end, place)) = found.min_by_key(|(start, ..)| *start) else { break };
            pieces.push((mended[..start].to_vec(), place));
            mended = &mended[end..];
        }
        Self { pieces, tail: mended.to_vec() }
    }

    /// Appends the chunk with this text and this padding. False if it is not known what becomes of it.
    pub(super) fn write(&self, found: &Found<'_>, out: &mut Vec<u8>) -> bool {
        // A chunk without text may have nothing in it for a client.
        if found.text.is_empty() || self.pieces.is_empty() {
            return false;
        }
        for (before, place) in &self.pieces {
            out.extend_from_slice(before);
            if *place == Place::Padding { found.padding } else { found.text }.write_escaped(out);
        }
        out.extend_from_slice(&self.tail);
        true
    }
}
