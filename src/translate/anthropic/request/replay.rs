//! Thinking that comes back, as Anthropic's blocks.

use crate::translate::encode::{Block, Body, Carriers, Turns};

/// Writes signed thinking into the assistant's turn.
pub(super) fn write(carriers: &Carriers<'_>, turns: &mut Turns<'_>) {
    carriers.each(|block| write_block(&block, turns.open_thinking()));
}

fn write_block(block: &Block<'_, '_>, body: &mut Body) {
    body.comma();
    match block {
        Block::Signed(texts, signature) => {
            body.put(r#"{"type":"thinking","thinking":""#);
            for text in *texts {
                text.write_escaped(&mut body.out);
            }
            body.put(r#"","signature":"#);
            body.quoted(*signature);
        }
        Block::Redacted(data) => {
            body.put(r#"{"type":"redacted_thinking","data":"#);
            body.quoted(*data);
        }
    }
    body.put("}");
}
