//! The turns of one answer: what of them is signed, and under which key it belongs.

use std::sync::Arc;

use bytes::Bytes;

use super::details::{Details, comma};
use super::key::{Keys, Said, TurnKey};
use super::{SignatureStore, splice};
use crate::chat::ChatRequest;
use crate::chat::sse::EventTooLong;
use crate::json::{Raw, Template, Text};

/// How much signed reasoning one answer may hold, in bytes: more than the longest thinking that a model can do. Of an
/// answer with more nothing is kept.
const MAX_REASONING: usize = 4 << 20;

/// How many choices an answer may have: OpenAI's own limit.
const MAX_CHOICES: usize = 128;

/// There is no use in reading further.
pub(super) struct GiveUp;

impl From<EventTooLong> for GiveUp {
    fn from(_: EventTooLong) -> Self {
        Self
    }
}

/// Reads an answer.
pub(super) struct Turns<K> {
    keys: Keys,
    /// How every turn begins: with the message that is answered.
    asked: Said,
    store: Arc<K>,
    turns: Vec<Turn>,
    /// The last event that was nothing but a piece of text, and the index of its choice.
    template: Template,
    speaking: u64,
}

/// The turn that one choice is.
struct Turn {
    choice: u64,
    said: Said,
    details: Details,
    /// Google's signatures: the fields of an object from the ids of calls to their `extra_content`.
    extras: Vec<u8>,
    /// The ids of the calls with their indices: in a stream only the first piece of a call has its id.
    ids: Vec<(Option<String>, String)>,
    is_kept: bool,
}

impl<K: SignatureStore> Turns<K> {
    pub(super) fn new(keys: Keys, chat: &ChatRequest, store: Arc<K>) -> Self {
        let asked = keys.said_after(chat.messages().next_back().and_then(Result::ok).as_ref());
        Self { keys, asked, store, turns: Vec::new(), template: Template::default(), speaking: 0 }
    }

    /// The data of an event of a stream.
    pub(super) fn event(&mut self, data: &[u8]) -> Result<(), GiveUp> {
        if let Some(text) = self.template.recognise(data) {
            self.turn(self.speaking)?.said.push(text);
            return Ok(());
        }
        // What is no chunk (`[DONE]`, keep-alives) says nothing here.
        let Ok(chunk) = Raw::from_bytes(data) else { return Ok(()) };
        let choices = || chunk.get("choices").into_iter().flat_map(Raw::elements);
        let is_only = choices().count() == 1;
        for choice in choices() {
            let index = choice.get("index").and_then(Raw::as_u64).unwrap_or(0);
            let Some(delta) = choice.get("delta") else { continue };
            let turn = self.turn(index)?;
            let spoken = turn.delta(delta);
            if turn.size() > MAX_REASONING {
                return Err(GiveUp);
            }
            if is_finished(choice) {
                self.keep(index);
            } else if let Some(text) = spoken.and_then(Text::source)
                && is_only
                && delta.fields().count() == 1
            {
                self.template.learn(data, text);
                self.speaking = index;
            }
        }
        Ok(())
    }

    /// A whole answer.
    pub(super) fn whole(mut self, answer: &[u8]) {
        let Ok(answer) = Raw::from_bytes(answer) else { return };
        for (at, choice) in answer.get("choices").into_iter().flat_map(Raw::elements).enumerate() {
            let index = choice.get("index").and_then(Raw::as_u64).unwrap_or(at as u64);
            let Some(message) = choice.get("message") else { continue };
            let Ok(turn) = self.turn(index) else { return };
            turn.message(message);
            if turn.size() <= MAX_REASONING && is_finished(choice) {
                self.keep(index);
            }
        }
    }

    fn turn(&mut self, choice: u64) -> Result<&mut Turn, GiveUp> {
        let at = match self.turns.iter().position(|turn| turn.choice == choice) {
            Some(at) => at,
            None if self.turns.len() == MAX_CHOICES => return Err(GiveUp),
            None => {
                self.turns.push(Turn::new(choice, self.asked.clone()));
                self.turns.len() - 1
            }
        };
        self.turns.get_mut(at).ok_or(GiveUp)
    }

    fn keep(&mut self, choice: u64) {
        let turn = self.turns.iter_mut().find(|turn| turn.choice == choice && !turn.is_kept);
        if let Some((key, reasoning)) = turn.and_then(|turn| turn.finish(&self.keys)) {
            self.store.put(key, reasoning);
        }
    }
}

fn is_finished(choice: Raw<'_>) -> bool {
    choice.get("finish_reason").and_then(Raw::as_text).is_some_and(|reason| !reason.is_empty())
}

impl Turn {
    fn new(choice: u64, said: Said) -> Self {
        let details = Details::default();
        Self { choice, said, details, extras: Vec::new(), ids: Vec::new(), is_kept: false }
    }

    /// A piece of a stream; what of it was said.
    fn delta<'a>(&mut self, delta: Raw<'a>) -> Option<Text<'a>> {
        let mut spoken = None;
        for (name, value) in delta.fields() {
            match &*name.to_str() {
                "content" => spoken = value.as_text(),
                "reasoning_details" => value.elements().for_each(|entry| self.details.piece(entry)),
                "tool_calls" => value.elements().for_each(|call| self.call(call)),
                _ => {}
            }
        }
        if let Some(text) = spoken {
            self.said.push(text);
        }
        spoken
    }

    fn message(&mut self, message: Raw<'_>) {
        for (name, value) in message.fields() {
            match &*name.to_str() {
                "content" => value.as_text().into_iter().for_each(|text| self.said.push(text)),
                "reasoning_details" => value.elements().for_each(|entry| self.details.whole(entry)),
                "tool_calls" => value.elements().for_each(|call| self.call(call)),
                _ => {}
            }
        }
    }

    fn call(&mut self, call: Raw<'_>) {
        let index = call.get("index").map(|index| index.text().to_owned());
        let id = call.get("id").and_then(Raw::as_text).filter(|id| !id.is_empty());
        if let Some(id) = id {
            self.ids.push((index.clone(), id.to_str().into_owned()));
        }
        let Some(extra) = call.get("extra_content").filter(|extra| splice::is_signed_extra(*extra)) else { return };
        let known = self.ids.iter().rev().find(|(known, _)| *known == index);
        if let Some((_, id)) = known {
            comma(&mut self.extras);
            Text::plain(id).write_quoted(&mut self.extras);
            self.extras.push(b':');
            self.extras.extend_from_slice(extra.text().as_bytes());
        }
    }

    fn size(&self) -> usize {
        self.details.size() + self.extras.len() + self.ids.iter().map(|(_, id)| id.len()).sum::<usize>()
    }

    /// What is to be kept, if anything is signed.
    fn finish(&mut self, keys: &Keys) -> Option<(TurnKey, Bytes)> {
        self.is_kept = true;
        let key = match self.ids.first() {
            Some((_, id)) => keys.call(Text::plain(id)),
            None => self.said.key()?,
        };
        let reasoning = match self.details.signed() {
            Some(details) => [&br#"{"reasoning_details":["#[..], details, b"]}"].concat(),
            None if self.extras.is_empty() => return None,
            None => [&br#"{"extra_content":{"#[..], &self.extras, b"}}"].concat(),
        };
        Some((key, reasoning.into()))
    }
}
