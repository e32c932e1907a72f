//! Messages into turns: what the assistant said, and what came in answer.

use super::parts::{Allowed, Block, blocks, text_block};
use super::replay;
use crate::chat::{Message, Role, ToolCall};
use crate::error::ApiError;
use crate::json::{Raw, Text};
use crate::translate::capability::claude::Capabilities;
use crate::translate::encode::messages::is_instruction;
use crate::translate::encode::said::{Said, arguments};
use crate::translate::encode::{Body, Calls, Mark, Punctuation, Speaker, Turns};

/// Inside how many arrays and objects the arguments of a call stand: the body, `messages`, a turn, its `content`, a block.
const ARGUMENTS_AT: u32 = 5;

/// The ids of tool calls match `^[a-zA-Z0-9_-]+$`.
const IDS: Punctuation = Punctuation(b"_-");

/// Writes messages as turns.
pub(super) struct Writer<'b, 'a> {
    pub(super) turns: Turns<'b>,
    calls: Calls<'a>,
    texts: Vec<(Text<'a>, Option<Mark>)>,
    /// A user message with nothing in it, which is fine only if there is something else in its turn.
    blank: Option<Message<'a>>,
    capabilities: &'b Capabilities,
}

impl<'b, 'a> Writer<'b, 'a> {
    pub(super) fn new(body: &'b mut Body, capabilities: &'b Capabilities) -> Self {
        Self { turns: Turns::new(body), calls: Calls::new(IDS), texts: Vec::new(), blank: None, capabilities }
    }

    /// Whether tools have answered the last turn of the assistant.
    pub(super) fn has_results(&self) -> bool {
        self.calls.results().next().is_some()
    }

    /// A turn of the assistant. `is_end` is whether the conversation ends with it.
    pub(super) fn said(&mut self, messages: &[Message<'a>], is_end: bool) -> Result<(), ApiError> {
        self.calls.clear();
        for (at, message) in messages.iter().enumerate() {
            self.assistant(message, is_end && at + 1 == messages.len())?;
        }
        Ok(())
    }

    /// Ends the conversation. Whose turn it was.
    pub(super) fn finish(mut self) -> Result<Option<Speaker>, ApiError> {
        self.check_blank()?;
        let speaker = self.turns.speaker();
        self.turns.finish();
        Ok(speaker)
    }

    /// A turn of the user is over: it must have something in it.
    fn check_blank(&mut self) -> Result<(), ApiError> {
        match self.blank.take() {
            Some(message) if self.turns.speaker() != Some(Speaker::User) => {
                Err(ApiError::invalid_value(message.path("content"), "it must not be empty."))
            }
            _ => Ok(()),
        }
    }

    /// Thinking first, then text, then calls.
    fn assistant(&mut self, message: &Message<'a>, is_last: bool) -> Result<(), ApiError> {
        self.check_blank()?;
        let Said { carriers, refusal } = Said::read(message)?;
        replay::write(&carriers, &mut self.turns);
        let mut calls = message.tool_calls().peekable();
        let mark = message.cache_breakpoint().and_then(Mark::read);
        self.texts.clear();
        blocks(message, Allowed::Text, |block, mark| {
            if let Block::Text(text) = block {
                self.texts.push((text, mark));
            }
        })?;
        self.texts.extend(refusal.map(|refusal| (refusal, mark)));
        self.write_texts(is_last && calls.peek().is_none());
        while let Some(call) = calls.next() {
            let mark = if calls.peek().is_none() { mark } else { None };
            self.call(call?, mark)?;
        }
        Ok(())
    }

    /// The text of an assistant message. The last one of a conversation must not end with white space.
    fn write_texts(&mut self, is_prefill: bool) {
        let mut trimmed = None;
        if is_prefill {
            while self.texts.last().is_some_and(|(text, _)| text.is_blank()) {
                self.texts.pop();
            }
            trimmed = self.texts.pop();
        }
        for &(text, mark) in &self.texts {
            text_block(self.turns.open(Speaker::Assistant), text, mark);
        }
        if let Some((text, mark)) = trimmed {
            let text = text.to_str();
            text_block(self.turns.open(Speaker::Assistant), Text::plain(text.trim_end()), mark);
        }
    }

    fn call(&mut self, call: ToolCall<'a>, mark: Option<Mark>) -> Result<(), ApiError> {
        let body = self.turns.open(Speaker::Assistant);
        body.comma();
        body.put(r#"{"type":"tool_use","id":"#);
        body.string(self.calls.add(call)?);
        body.put(r#","name":"#);
        body.quoted(call.name);
        body.put(r#","input":"#);
        if call.is_custom {
            body.put(r#"{"input":"#);
            body.quoted(call.arguments);
            body.put("}");
        } else {
            let text = call.arguments.to_str();
            body.put(arguments(&text, ARGUMENTS_AT).ok_or_else(|| {
                let reason = "it must be a JSON object, written as a string.";
                ApiError::invalid_value(call.path("function.arguments"), reason)
            })?);
        }
        body.mark(mark);
        body.put("}");
        Ok(())
    }

    /// What follows an assistant turn: the results of its calls first, then everything else in its order.
    pub(super) fn others(&mut self, messages: &[Message<'a>]) -> Result<(), ApiError> {
        for message in messages.iter().filter(|message| matches!(message.role(), Role::Tool)) {
            self.calls.answer(*message)?;
        }
        for result in self.calls.results() {
            let (id, message) = result?;
            write_result(self.turns.open(Speaker::User), id, &message)?;
        }
        let system_from = messages.len() - messages.iter().rev().take_while(|message| is_instruction(message)).count();
        for (at, message) in messages.iter().enumerate() {
            match message.role() {
                Role::User => self.user(message)?,
                Role::System | Role::Developer => {
                    let after_user = matches!(self.turns.speaker(), Some(Speaker::User | Speaker::System));
                    let in_place = self.capabilities.system_turns && at >= system_from && after_user;
                    let speaker = if in_place { Speaker::System } else { Speaker::User };
                    blocks(message, Allowed::Text, |block, mark| block.write(self.turns.open(speaker), mark))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn user(&mut self, message: &Message<'a>) -> Result<(), ApiError> {
        let mut any = false;
        blocks(message, Allowed::All, |block, mark| {
            any = true;
            block.write(self.turns.open(Speaker::User), mark);
        })?;
        if !any {
            self.blank = Some(*message);
        }
        Ok(())
    }
}

/// The result of a call. Marks of its parts become its own.
fn write_result(body: &mut Body, id: &str, message: &Message<'_>) -> Result<(), ApiError> {
    body.comma();
    body.put(r#"{"type":"tool_result","tool_use_id":"#);
    body.string(id);
    body.put(r#","content":["#);
    let mut last_mark = None;
    blocks(message, Allowed::All, |block, mark| {
        block.write(body, None);
        last_mark = mark.or(last_mark);
    })?;
    body.put("]");
    if message.given("is_error").and_then(Raw::as_bool) == Some(true) {
        body.put(r#","is_error":true"#);
    }
    body.mark(last_mark);
    body.put("}");
    Ok(())
}
