//! A block of content as it comes: whole, or as `content_block_start` carries it.

use crate::json::Raw;

/// The fields of a content block.
#[derive(Default)]
pub(super) struct ContentBlock<'a> {
    pub(super) kind: Option<Raw<'a>>,
    pub(super) text: Option<Raw<'a>>,
    pub(super) citations: Option<Raw<'a>>,
    pub(super) thinking: Option<Raw<'a>>,
    pub(super) signature: Option<Raw<'a>>,
    pub(super) data: Option<Raw<'a>>,
    pub(super) id: Option<Raw<'a>>,
    pub(super) name: Option<Raw<'a>>,
    pub(super) input: Option<Raw<'a>>,
}

impl<'a> ContentBlock<'a> {
    /// Reads the fields of an object; of anything else there are none.
    pub(super) fn read(block: Raw<'a>) -> Self {
        let mut content_block = Self::default();
        for (key, value) in block.fields() {
            let value = Some(value);
            match &*key.to_str() {
                "type" => content_block.kind = value,
                "text" => content_block.text = value,
                "citations" => content_block.citations = value,
                "thinking" => content_block.thinking = value,
                "signature" => content_block.signature = value,
                "data" => content_block.data = value,
                "id" => content_block.id = value,
                "name" => content_block.name = value,
                "input" => content_block.input = value,
                _ => {}
            }
        }
        content_block
    }
}
