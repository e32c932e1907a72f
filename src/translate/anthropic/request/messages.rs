//! The conversation: instructions, turns, tool calls and their results.
//!
//! (Of the marks for the cache only the last four are kept: Anthropic does not count them as text.)

use super::parts::{Allowed, Block, blocks};
use super::writer::Writer;
use crate::error::ApiError;
use crate::json::Text;
use crate::translate::capability::claude::Capabilities;
use crate::translate::encode::messages::Messages;
use crate::translate::encode::{Body, Speaker};

/// What the fields that are written later have to know.
pub(super) struct Ending {
    /// The model goes on after tool results, in a turn that did not begin with signed thinking.
    pub(super) resumes_unsigned: bool,
}

/// Writes `system`: the instructions before everything else, one block for each part. `extra` comes last.
pub(super) fn write_system<'a>(
    messages: &Messages<'a>,
    body: &mut Body,
    extra: Option<&'static str>,
) -> Result<(), ApiError> {
    let mut any = false;
    let mut write = |block: Block<'a>, mark| {
        if !std::mem::replace(&mut any, true) {
            body.field("system").put("[");
        }
        block.write(body, mark);
    };
    for message in messages.instructions() {
        blocks(message, Allowed::Text, &mut write)?;
    }
    if let Some(extra) = extra {
        write(Block::Text(Text::plain(extra)), None);
    }
    if any {
        body.put("]");
    }
    Ok(())
}

/// Writes `messages`.
pub(super) fn write(messages: &Messages<'_>, body: &mut Body, capabilities: &Capabilities) -> Result<Ending, ApiError> {
    let mut writer = Writer::new(body, capabilities);
    let mut after_results = false;
    for round in messages.rounds() {
        writer.said(round.said, round.others.is_empty())?;
        writer.others(round.others)?;
        after_results = writer.has_results();
    }
    let resumes_unsigned = after_results && !writer.turns.thinks_first();
    match writer.finish()? {
        None => Err(Messages::nobody()),
        Some(Speaker::Assistant) if !capabilities.prefill => Err(messages.no_prefill()),
        Some(_) => Ok(Ending { resumes_unsigned }),
    }
}
