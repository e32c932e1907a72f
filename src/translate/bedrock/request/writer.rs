//! Messages into turns: what the assistant said, and what came in answer.

use std::borrow::Cow;
use std::collections::HashSet;

use super::names::Names;
use super::parts::{Allowed, Block, blocks};
use crate::chat::{Message, Role, ToolCall};
use crate::error::ApiError;
use crate::json::{Raw, Text};
use crate::translate::capability::bedrock::{Cache, Capabilities};
use crate::translate::encode::messages::{Messages, Round};
use crate::translate::encode::said::{Said, arguments};
use crate::translate::encode::{Block as Thought, Body, Calls, Mark, Punctuation, Speaker, Turns};

/// Inside how many arrays and objects the arguments of a call stand: the body, `messages`, a turn, its `content`, a block,
/// `toolUse`.
const ARGUMENTS_AT: u32 = 6;

/// The ids of tool calls match `[a-zA-Z0-9_.:-]+`.
const IDS: Punctuation = Punctuation(b"_.:-");

/// What the fields that are written later have to know.
pub(super) struct Ending<'a> {
    /// The model goes on after tool results, in a turn that did not begin with signed thinking.
    pub(super) resumes_unsigned: bool,
    /// The names of the tools that were called, each once.
    pub(super) called: Vec<Text<'a>>,
}

/// Writes `system`: the instructions before everything else, one block for each part. `extra` comes last.
pub(super) fn write_system(
    messages: &Messages<'_>,
    body: &mut Body,
    capabilities: &Capabilities,
    extra: Option<&'static str>,
) -> Result<(), ApiError> {
    let mut any = false;
    let mut names = Names::default();
    let mut write = |block: Block<'_>, mark| {
        if !std::mem::replace(&mut any, true) {
            body.field("system").put("[");
        }
        block.write(body, &mut names, kept(mark, capabilities));
    };
    for message in messages.instructions() {
        blocks(message, Allowed::TEXT, &mut write)?;
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
pub(super) fn write<'a>(
    messages: &Messages<'a>,
    body: &mut Body,
    capabilities: &Capabilities,
    stored: bool,
) -> Result<Ending<'a>, ApiError> {
    let mut writer = Writer::new(body, capabilities, stored);
    let mut after_results = false;
    for Round { said, others } in messages.rounds() {
        writer.said(said, others.is_empty())?;
        writer.others(others)?;
        after_results = writer.has_results();
    }
    let resumes_unsigned = after_results && !writer.turns.thinks_first();
    let called = std::mem::take(&mut writer.called);
    let prefill = capabilities.as_claude().is_none_or(|claude| claude.prefill);
    match writer.finish()? {
        None => Err(Messages::nobody()),
        Some(Speaker::Assistant) if !prefill => Err(messages.no_prefill()),
        Some(_) => Ok(Ending { resumes_unsigned, called }),
    }
}

/// A mark as far as the model takes it.
pub(super) fn kept(mark: Option<Mark>, capabilities: &Capabilities) -> Option<Mark> {
    match capabilities.cache {
        Cache::None => None,
        Cache::FiveMinutes => mark.map(|_| Mark::FiveMinutes),
        Cache::OneHour => mark,
    }
}

/// Writes messages as turns.
struct Writer<'b, 'a> {
    turns: Turns<'b>,
    calls: Calls<'a>,
    names: Names,
    texts: Vec<(Text<'a>, Option<Mark>)>,
    /// The names of the tools that were called, each once and in their order.
    called: Vec<Text<'a>>,
    names_called: HashSet<Cow<'a, str>>,
    turn: UserTurn<'a>,
    capabilities: &'b Capabilities,
    stored: bool,
}

/// What there is in a turn of the user, which Converse refuses if there is not enough.
#[derive(Default)]
struct UserTurn<'a> {
    /// A message with nothing in it, which is fine only if there is something else.
    blank: Option<Message<'a>>,
    /// A message with a document in it, which is fine only if there is a text.
    document: Option<Message<'a>>,
    has_text: bool,
}

impl<'b, 'a> Writer<'b, 'a> {
    fn new(body: &'b mut Body, capabilities: &'b Capabilities, stored: bool) -> Self {
        Self {
            turns: Turns::new(body),
            calls: Calls::new(IDS),
            names: Names::default(),
            texts: Vec::new(),
            called: Vec::new(),
            names_called: HashSet::new(),
            turn: UserTurn::default(),
            capabilities,
            stored,
        }
    }

    /// Whether tools have answered the last turn of the assistant.
    fn has_results(&self) -> bool {
        self.calls.results().next().is_some()
    }

    /// A turn of the assistant. `is_end` is whether the conversation ends with it.
    fn said(&mut self, messages: &[Message<'a>], is_end: bool) -> Result<(), ApiError> {
        self.calls.clear();
        for (at, message) in messages.iter().enumerate() {
            self.assistant(message, is_end && at + 1 == messages.len())?;
        }
        Ok(())
    }

    /// Ends the conversation. Whose turn it was.
    fn finish(mut self) -> Result<Option<Speaker>, ApiError> {
        self.check_turn()?;
        let speaker = self.turns.speaker();
        self.turns.finish();
        Ok(speaker)
    }

    /// The turn of the user is over, unless it has not begun: it must have something in it.
    fn check_turn(&mut self) -> Result<(), ApiError> {
        if self.turns.speaker() != Some(Speaker::User) {
            return match self.turn.blank.take() {
                Some(message) => Err(ApiError::invalid_value(message.path("content"), "it must not be empty.")),
                None => Ok(()),
            };
        }
        match std::mem::take(&mut self.turn) {
            UserTurn { document: Some(message), has_text: false, .. } => {
                let reason = "this model reads a document only together with a text.";
                Err(ApiError::unsupported_value(message.path("content"), reason))
            }
            _ => Ok(()),
        }
    }

    /// Thinking first, then text, then calls.
    fn assistant(&mut self, message: &Message<'a>, is_last: bool) -> Result<(), ApiError> {
        let Said { carriers, refusal } = Said::read(message)?;
        let mut calls = message.tool_calls().peekable();
        let mark = kept(message.cache_breakpoint().and_then(Mark::read), self.capabilities);
        self.texts.clear();
        blocks(message, Allowed::TEXT, |block, mark| {
            if let Block::Text(text) = block {
                self.texts.push((text, kept(mark, self.capabilities)));
            }
        })?;
        self.texts.extend(refusal.filter(|refusal| !refusal.is_blank()).map(|refusal| (refusal, mark)));
        let replays = self.capabilities.as_claude().is_some();
        if replays || !self.texts.is_empty() || calls.peek().is_some() {
            self.check_turn()?;
        }
        if replays {
            carriers.each(|thought| write_thought(self.turns.open_thinking(), &thought));
        }
        self.write_texts(is_last && calls.peek().is_none());
        while let Some(call) = calls.next() {
            let mark = if calls.peek().is_none() { mark } else { None };
            self.call(call?, mark)?;
        }
        Ok(())
    }

    /// The text of an assistant message. The last one of a conversation must not end with white space.
    fn write_texts(&mut self, is_prefill: bool) {
        let trimmed = if is_prefill { self.texts.pop() } else { None };
        for &(text, mark) in &self.texts {
            Block::Text(text).write(self.turns.open(Speaker::Assistant), &mut self.names, mark);
        }
        if let Some((text, mark)) = trimmed {
            let text = text.to_str();
            let block = Block::Text(Text::plain(text.trim_end()));
            block.write(self.turns.open(Speaker::Assistant), &mut self.names, mark);
        }
    }

    fn call(&mut self, call: ToolCall<'a>, mark: Option<Mark>) -> Result<(), ApiError> {
        if self.names_called.insert(call.name.to_str()) {
            self.called.push(call.name);
        }
        let body = self.turns.open(Speaker::Assistant);
        body.comma();
        body.put(r#"{"toolUse":{"toolUseId":"#);
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
        body.put("}}");
        body.mark(mark);
        Ok(())
    }

    /// What follows an assistant turn: the results of its calls first, then everything else in its order.
    fn others(&mut self, messages: &[Message<'a>]) -> Result<(), ApiError> {
        for message in messages.iter().filter(|message| matches!(message.role(), Role::Tool)) {
            self.calls.answer(*message)?;
        }
        let mut any_result = false;
        for result in self.calls.results() {
            let (id, message) = result?;
            any_result = true;
            let allowed = Allowed { media: true, audio: false, stored: self.stored };
            let body = self.turns.open(Speaker::User);
            write_result(body, &mut self.names, id, &message, allowed, self.capabilities)?;
        }
        for message in messages.iter().filter(|message| !matches!(message.role(), Role::Tool)) {
            if any_result && !self.capabilities.text_after_results {
                let reason = "this model takes nothing else together with the results of tools.";
                return Err(ApiError::unsupported_value(message.path("role"), reason));
            }
            self.user(message)?;
        }
        Ok(())
    }

    /// What the user said, or an instruction that stands between: Converse has no other place for it.
    fn user(&mut self, message: &Message<'a>) -> Result<(), ApiError> {
        let is_user = matches!(message.role(), Role::User);
        let all = Allowed { media: true, audio: true, stored: self.stored };
        let Self { turns, names, turn, capabilities, .. } = self;
        let mut any = false;
        blocks(message, if is_user { all } else { Allowed::TEXT }, |block, mark| {
            any = true;
            match block {
                Block::Text(_) => turn.has_text = true,
                Block::Document(..) => turn.document = Some(*message),
                _ => {}
            }
            block.write(turns.open(Speaker::User), names, kept(mark, capabilities));
        })?;
        if is_user && !any {
            self.turn.blank = Some(*message);
        }
        Ok(())
    }
}

/// The result of a call. Marks of its parts become its own.
fn write_result(
    body: &mut Body,
    names: &mut Names,
    id: &str,
    message: &Message<'_>,
    allowed: Allowed,
    capabilities: &Capabilities,
) -> Result<(), ApiError> {
    body.comma();
    body.put(r#"{"toolResult":{"toolUseId":"#);
    body.string(id);
    body.put(r#","content":["#);
    let mut last_mark = None;
    blocks(message, allowed, |block, mark| {
        block.write(body, names, None);
        last_mark = mark.or(last_mark);
    })?;
    body.put("]");
    if message.given("is_error").and_then(Raw::as_bool) == Some(true) {
        body.put(r#","status":"error""#);
    }
    body.put("}}");
    body.mark(kept(last_mark, capabilities));
    Ok(())
}

/// Signed thinking, exactly as it came.
fn write_thought(body: &mut Body, thought: &Thought<'_, '_>) {
    body.comma();
    match thought {
        Thought::Signed(texts, signature) => {
            body.put(r#"{"reasoningContent":{"reasoningText":{"text":""#);
            for text in *texts {
                text.write_escaped(&mut body.out);
            }
            body.put(r#"","signature":"#);
            body.quoted(*signature);
            body.put("}}}");
        }
        Thought::Redacted(data) => {
            body.put(r#"{"reasoningContent":{"redactedContent":"#);
            body.quoted(*data);
            body.put("}}");
        }
    }
}
