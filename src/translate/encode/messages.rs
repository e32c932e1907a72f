//! The conversation, in turns.
//!
//! What becomes of a message depends on the messages before it and on those up to the next assistant message, never on
//! later ones. So turn n of a conversation is a prefix of turn n+1, byte for byte, as the providers' caches need it.

use crate::chat::{ChatRequest, Message, Role};
use crate::error::ApiError;

/// The messages of a request, each read once.
pub(crate) struct Messages<'a> {
    list: Vec<Message<'a>>,
    /// How many instructions stand before everything else.
    leading: usize,
}

/// Messages of the assistant, and what came in answer; either may be none.
pub(crate) struct Round<'m, 'a> {
    pub(crate) said: &'m [Message<'a>],
    pub(crate) others: &'m [Message<'a>],
}

pub(crate) fn is_instruction(message: &Message<'_>) -> bool {
    matches!(message.role(), Role::System | Role::Developer)
}

fn is_assistant(message: &Message<'_>) -> bool {
    matches!(message.role(), Role::Assistant)
}

impl<'a> Messages<'a> {
    pub(crate) fn read(chat: &'a ChatRequest) -> Result<Self, ApiError> {
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

    /// The instructions before everything else.
    pub(crate) fn instructions(&self) -> &[Message<'a>] {
        self.list.get(..self.leading).unwrap_or_default()
    }

    /// Everything else, in rounds.
    pub(crate) fn rounds(&self) -> impl Iterator<Item = Round<'_, 'a>> {
        let mut rest = self.list.get(self.leading..).unwrap_or_default();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (said, after) = rest.split_at(rest.iter().take_while(|message| is_assistant(message)).count());
            let (others, later) = after.split_at(after.iter().take_while(|message| !is_assistant(message)).count());
            rest = later;
            Some(Round { said, others })
        })
    }

    /// The error for a conversation in which nobody has said anything.
    pub(crate) fn nobody() -> ApiError {
        let reason = "this model needs a message of the role 'user'.";
        ApiError::unsupported_value("messages", reason)
    }

    /// The error for a conversation that ends with the assistant, where the model cannot go on from there.
    pub(crate) fn no_prefill(&self) -> ApiError {
        let role = format!("messages[{}].role", self.list.len().saturating_sub(1));
        let reason = "this model cannot continue a message of the assistant (prefill); end with another role.";
        ApiError::unsupported_value(role, reason)
    }
}
