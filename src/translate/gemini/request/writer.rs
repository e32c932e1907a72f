//! Messages into contents: what the model said, and what came in answer.

use super::contents::{Contents, Speaker};
use super::parts::{Allowed, Block, blocks};
use super::results;
use super::signatures::{self, Signatures};
use crate::chat::{Message, Role, ToolCall};
use crate::error::ApiError;
use crate::json::Text;
use crate::translate::Dropped;
use crate::translate::capability::gemini::Capabilities;
use crate::translate::encode::messages::{Messages, is_instruction};
use crate::translate::encode::said::{Said, arguments};
use crate::translate::encode::{Calls, Object, Punctuation};

/// Inside how many arrays and objects the arguments of a call and the result of one stand: the body, `contents`, a
/// content, its `parts`, a part, `functionCall` or `functionResponse`.
pub(super) const INSIDE_PART: u32 = 6;

/// The role of an instruction that stands between other messages, where Gemini knows but the user's.
const ROLE: &str = "messages.role";

/// What may stand in the ids of calls beside letters and digits.
const IDS: Punctuation = Punctuation(b"_-.:");

/// Writes `systemInstruction`: the instructions before everything else, one part for each part.
pub(super) fn write_system(messages: &Messages<'_>, body: &mut Object) -> Result<(), ApiError> {
    let mut any = false;
    for message in messages.instructions() {
        blocks(message, Allowed::Text, |block| {
            if !std::mem::replace(&mut any, true) {
                body.field("systemInstruction").put(r#"{"parts":["#);
            }
            body.comma();
            block.write(body);
        })?;
    }
    if any {
        body.put("]}");
    }
    Ok(())
}

/// Writes `contents`.
pub(super) fn write(
    messages: &Messages<'_>,
    body: &mut Object,
    capabilities: &Capabilities,
    public_urls: bool,
    dropped: &mut Dropped,
) -> Result<(), ApiError> {
    let allowed = Allowed::All { public_urls };
    let mut writer = Writer { contents: Contents::new(body), calls: Calls::new(IDS), capabilities, allowed };
    for round in messages.rounds() {
        writer.said(round.said)?;
        writer.others(round.others)?;
        if round.others.iter().any(is_instruction) {
            dropped.push(ROLE);
        }
    }
    if writer.contents.finish() { Ok(()) } else { Err(Messages::nobody()) }
}

struct Writer<'b, 'a> {
    contents: Contents<'b>,
    calls: Calls<'a>,
    capabilities: &'b Capabilities,
    allowed: Allowed,
}

impl<'a> Writer<'_, 'a> {
    /// A step of the model.
    fn said(&mut self, messages: &[Message<'a>]) -> Result<(), ApiError> {
        self.calls.clear();
        let mut is_first_call = true;
        for message in messages {
            let said = Said::read(message)?;
            let signatures = Signatures::read(&said.carriers);
            self.texts(message, said.refusal, &signatures)?;
            for call in message.tool_calls() {
                self.call(call?, &signatures, std::mem::replace(&mut is_first_call, false))?;
            }
        }
        Ok(())
    }

    /// The text of a message. Its signature belongs to the last part; a part that has none of the text holds it where
    /// there is no text, as Gemini itself sends it.
    fn texts(
        &mut self,
        message: &Message<'a>,
        refusal: Option<Text<'a>>,
        signatures: &Signatures<'a>,
    ) -> Result<(), ApiError> {
        let mut last = None;
        let contents = &mut self.contents;
        let mut next = |text: Text<'a>| {
            if let Some(text) = last.replace(text) {
                write_text(contents.open(Speaker::Model), text, None);
            }
        };
        blocks(message, Allowed::Text, |block| {
            if let Block::Text(text) = block {
                next(text);
            }
        })?;
        refusal.into_iter().for_each(&mut next);
        let mut signatures = signatures.of_texts().iter().copied();
        if let Some(text) = last {
            write_text(self.contents.open(Speaker::Model), text, signatures.next());
        }
        for signature in signatures {
            write_text(self.contents.open(Speaker::Model), Text::plain(""), Some(signature));
        }
        Ok(())
    }

    fn call(&mut self, call: ToolCall<'a>, signatures: &Signatures<'a>, is_first: bool) -> Result<(), ApiError> {
        let id = self.calls.add(call)?;
        let body = self.contents.open(Speaker::Model);
        body.put(r#"{"functionCall":{"#);
        if self.capabilities.call_ids {
            body.put(r#""id":"#);
            body.string(id);
            body.put(",");
        }
        body.put(r#""name":"#);
        body.quoted(call.name);
        body.put(r#","args":"#);
        if call.is_custom {
            body.put(r#"{"input":"#);
            body.quoted(call.arguments);
            body.put("}");
        } else {
            let text = call.arguments.to_str();
            body.put(arguments(&text, INSIDE_PART).ok_or_else(|| {
                let reason = "it must be a JSON object, written as a string.";
                ApiError::invalid_value(call.path("function.arguments"), reason)
            })?);
        }
        body.put("}");
        // Google asks for it in the current turn only. That would change with the next turn, and the cached prefix with it.
        let none = || (is_first && self.capabilities.signatures).then_some(Text::plain(signatures::NONE));
        write_signature(body, signatures.of_call(&call).or_else(none));
        body.put("}");
        Ok(())
    }

    /// What follows a step of the model: the results of its calls first, then everything else in its order.
    fn others(&mut self, messages: &[Message<'a>]) -> Result<(), ApiError> {
        for message in messages.iter().filter(|message| matches!(message.role(), Role::Tool)) {
            self.calls.answer(*message)?;
        }
        for answered in self.calls.answered() {
            let (call, id, message) = answered?;
            let id = self.capabilities.call_ids.then_some(id);
            let takes_media = self.capabilities.media_results;
            results::write(self.contents.open(Speaker::Tools), &call, id, &message, self.allowed, takes_media)?;
        }
        for message in messages {
            let allowed = match message.role() {
                Role::User => self.allowed,
                Role::System | Role::Developer => Allowed::Text,
                _ => continue,
            };
            blocks(message, allowed, |block| block.write(self.contents.open(Speaker::User)))?;
        }
        Ok(())
    }
}

fn write_text(body: &mut Object, text: Text<'_>, signature: Option<Text<'_>>) {
    body.put(r#"{"text":"#);
    body.quoted(text);
    write_signature(body, signature);
    body.put("}");
}

fn write_signature(body: &mut Object, signature: Option<Text<'_>>) {
    if let Some(signature) = signature {
        body.put(r#","thoughtSignature":"#);
        body.quoted(signature);
    }
}
