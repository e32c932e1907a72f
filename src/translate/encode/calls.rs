//! Which tool results answer which calls.

use std::borrow::Cow;
use std::collections::HashMap;

use super::ids::{Ids, Punctuation};
use crate::chat::{Message, ToolCall};
use crate::error::ApiError;

/// The calls of one assistant turn, in their order.
pub(crate) struct Calls<'a> {
    calls: Vec<Call<'a>>,
    places: HashMap<Cow<'a, str>, usize>,
    ids: Ids<'a>,
}

struct Call<'a> {
    call: ToolCall<'a>,
    id: Cow<'a, str>,
    result: Option<Message<'a>>,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(punctuation: Punctuation) -> Self {
        Self { calls: Vec::new(), places: HashMap::new(), ids: Ids::new(punctuation) }
    }

    /// A new assistant turn begins.
    pub(crate) fn clear(&mut self) {
        self.calls.clear();
        self.places.clear();
    }

    /// Notes a call, and gives it the id that the provider sees.
    pub(crate) fn add(&mut self, call: ToolCall<'a>) -> Result<&str, ApiError> {
        let id = call.id.to_str();
        if self.places.insert(id.clone(), self.calls.len()).is_some() {
            return Err(ApiError::invalid_value(call.path("id"), "another call of the same message has this id."));
        }
        let id = self.ids.next(id);
        self.calls.push(Call { call, id, result: None });
        Ok(self.calls.last().map_or("", |call| &call.id))
    }

    /// Notes a result.
    pub(crate) fn answer(&mut self, message: Message<'a>) -> Result<(), ApiError> {
        let path = || message.path("tool_call_id");
        let id = message.given_text("tool_call_id")?.ok_or_else(|| ApiError::missing_parameter(path()))?;
        let place = self.places.get(&id.to_str()).and_then(|&place| self.calls.get_mut(place));
        match place {
            None => Err(ApiError::invalid_value(path(), "no call of the assistant message before it has this id.")),
            Some(call) if call.result.is_some() => {
                Err(ApiError::invalid_value(path(), "the call has been answered by another message already."))
            }
            Some(call) => {
                call.result = Some(message);
                Ok(())
            }
        }
    }

    /// The results with their ids, in the order of the calls.
    ///
    /// # Errors
    /// Where a call has no result.
    pub(crate) fn results(&self) -> impl Iterator<Item = Result<(&str, Message<'a>), ApiError>> {
        self.answered().map(|answered| answered.map(|(_, id, message)| (id, message)))
    }

    /// The same, each with the call that it answers.
    ///
    /// # Errors
    /// Where a call has no result.
    pub(crate) fn answered(&self) -> impl Iterator<Item = Result<(ToolCall<'a>, &str, Message<'a>), ApiError>> {
        self.calls.iter().map(|call| match call.result {
            Some(message) => Ok((call.call, &*call.id, message)),
            None => Err(ApiError::invalid_value(
                call.call.path("id"),
                "the call has no result; a message of the role 'tool' with this tool_call_id must follow.",
            )),
        })
    }
}
