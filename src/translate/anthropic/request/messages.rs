//! The conversation: instructions, turns, tool calls and their results.
//!
//! What becomes of a message depends on the messages before it and on those up to the next assistant message, never on
//! later ones. So turn n of a conversation is a prefix of turn n+1, byte for byte, as the providers' caches need it.
//! (All but the marks themselves, of which only the last four are kept: Anthropic does not count them as text.)

use super::body::Body;
use super::parts::{Allowed, Block, blocks};
use super::turns::Speaker;
use super::writer::Writer;
use crate::chat::{ChatRequest, Message, Role};
use crate::error::ApiError;
use crate::json::Text;
use crate::translate::capability::claude::Capabilities;

/// The messages of a request, each read once.
pub(super) struct Messages<'a> {
    list: Vec<Message<'a>>,
    /// How many instructions stand before everything else.
    leading: usize,
}

/// What the fields that are written later have to know.
pub(super) struct Ending {
    /// The model goes on after tool results, in a turn that did not begin with signed thinking.
    pub(super) resumes_unsigned: bool,
}

pub(super) fn is_instruction(message: &Message<'_>) -> bool {
    matches!(message.role(), Role::System | Role::Developer)
}

fn is_assistant(message: &Message<'_>) -> bool {
    matches!(message.role(), Role::Assistant)
}

impl<'a> Messages<'a> {
    pub(super) fn read(chat: &'a ChatRequest) -> Result<Self, ApiError> {
        let list = chat.messages().collect::<Result<Vec<_>, _>>()?;
        if let Some((message, role)) = list.iter().find_map(|message| match message.role() {
            Role::Other(role) => Some((message, role)),
            _ => None,
        }) {
            return Err(if role.eq_str("function") {
                let reason = "'function' is deprecated; send the results of tools with the role 'tool'.";
                ApiError::unsupported_value(message.path("role"), reason)
            } else {
                let reason = "use 'system', 'developer', 'user', 'assistant' or 'tool'.";
                ApiError::invalid_value(message.path("role"), reason)
            });
        }
        let leading = list.iter().take_while(|message| is_instruction(message)).count();
        Ok(Self { list, leading })
    }

    /// Writes `system`: the instructions before everything else, one block for each part. `extra` comes last.
    pub(super) fn write_system(&self, body: &mut Body, extra: Option<&'static str>) -> Result<(), ApiError> {
        let mut any = false;
        let mut write = |block: Block<'a>, mark| {
            if !std::mem::replace(&mut any, true) {
                body.field("system").put("[");
            }
            block.write(body, mark);
        };
        for message in self.list.iter().take(self.leading) {
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
    pub(super) fn write(&self, body: &mut Body, capabilities: &Capabilities) -> Result<Ending, ApiError> {
        let mut writer = Writer::new(body, capabilities);
        let mut rest = self.list.get(self.leading..).unwrap_or_default();
        let mut after_results = false;
        while !rest.is_empty() {
            let (said, others) = rest.split_at(rest.iter().take_while(|message| is_assistant(message)).count());
            let (others, later) = others.split_at(others.iter().take_while(|message| !is_assistant(message)).count());
            writer.said(said, others.is_empty())?;
            writer.others(others)?;
            after_results = writer.has_results();
            rest = later;
        }
        let resumes_unsigned = after_results && !writer.turns.thinks_first();
        match writer.finish()? {
            None => {
                let reason = "this model needs a message of the role 'user'.";
                return Err(ApiError::unsupported_value("messages", reason));
            }
            Some(Speaker::Assistant) if !capabilities.prefill => {
                let role = format!("messages[{}].role", self.list.len() - 1);
                let reason = "this model cannot continue a message of the assistant (prefill); end with another role.";
                return Err(ApiError::unsupported_value(role, reason));
            }
            Some(_) => {}
        }
        Ok(Ending { resumes_unsigned })
    }
}
