//! The conversation: instructions, turns, tool calls and their results.
//!
//! What becomes of a message depends on the messages before it and on those up to the next assistant message, never on
//! later ones. So turn n of a conversation is a prefix of turn n+1, byte for byte, as the providers' caches need it.

use super::body::Body;
use super::cache::Mark;
use super::calls::Calls;
use super::capabilities::Capabilities;
use super::parts::{Allowed, Block, blocks};
use super::replay::Carriers;
use super::turns::{Speaker, Turns};
use crate::chat::{ChatRequest, Message, Role, ToolCall};
use crate::error::ApiError;
use crate::json::{Raw, Text};

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

fn is_instruction(message: &Message<'_>) -> bool {
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
        let mut writer =
            Writer { turns: Turns::new(body), calls: Calls::default(), texts: Vec::new(), blank: None, capabilities };
        let mut rest = self.list.get(self.leading..).unwrap_or_default();
        let mut after_results = false;
        while !rest.is_empty() {
            let (said, others) = rest.split_at(rest.iter().take_while(|message| is_assistant(message)).count());
            let (others, later) = others.split_at(others.iter().take_while(|message| !is_assistant(message)).count());
            writer.calls.clear();
            for (at, message) in said.iter().enumerate() {
                let is_last = others.is_empty() && at + 1 == said.len();
                writer.assistant(message, is_last)?;
            }
            writer.others(others)?;
            after_results = writer.calls.results().next().is_some();
            rest = later;
        }
        writer.check_blank()?;
        match writer.turns.speaker() {
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
        let ending = Ending { resumes_unsigned: after_results && !writer.turns.thinks_first() };
        writer.turns.finish();
        Ok(ending)
    }
}

struct Writer<'b, 'a> {
    turns: Turns<'b>,
    calls: Calls<'a>,
    texts: Vec<(Text<'a>, Option<Mark>)>,
    /// A user message with nothing in it, which is fine only if there is something else in its turn.
    blank: Option<Message<'a>>,
    capabilities: &'b Capabilities,
}

impl<'a> Writer<'_, 'a> {
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
        let mut carriers = Carriers::default();
        let mut refusal = None;
        for (name, value) in message.raw().fields().filter(|(_, value)| !value.is_null()) {
            match &*name.to_str() {
                "reasoning_details" => carriers.details = Some(value),
                "thinking_blocks" => carriers.blocks = Some(value),
                "reasoning_content" => carriers.content = Some(value),
                "reasoning_signature" => carriers.signature = Some(value),
                "refusal" => refusal = value.as_text().filter(|text| !text.is_empty()),
                "audio" => return Err(ApiError::unsupported_parameter(message.path("audio"))),
                "function_call" => {
                    let reason = "'function_call' is deprecated; send 'tool_calls'.";
                    return Err(ApiError::unsupported_value(message.path("function_call"), reason));
                }
                _ => {}
            }
        }
        carriers.write(&mut self.turns);
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
            self.turns.open(Speaker::Assistant).text_block(text, mark);
        }
        if let Some((text, mark)) = trimmed {
            let text = text.to_str();
            self.turns.open(Speaker::Assistant).text_block(Text::plain(text.trim_end()), mark);
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
            let arguments = call.arguments.to_str();
            body.put(object(&arguments).ok_or_else(|| {
                let reason = "it must be a JSON object, written as a string.";
                ApiError::invalid_value(call.path("function.arguments"), reason)
            })?);
        }
        body.mark(mark);
        body.put("}");
        Ok(())
    }

    /// What follows an assistant turn: the results of its calls first, then everything else in its order.
    fn others(&mut self, messages: &[Message<'a>]) -> Result<(), ApiError> {
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
    if message.get("is_error").and_then(Raw::as_bool) == Some(true) {
        body.put(r#","is_error":true"#);
    }
    body.mark(last_mark);
    body.put("}");
    Ok(())
}

/// The arguments of a function as the object that they must be. Models write nothing at all, or `null`, for no arguments.
fn object(arguments: &str) -> Option<&str> {
    let text = arguments.trim_matches([' ', '\t', '\r', '\n']);
    match text {
        "" | "null" => Some("{}"),
        _ => Raw::parse(text).ok().filter(|value| value.text().starts_with('{')).map(Raw::text),
    }
}
