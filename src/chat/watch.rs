//! Follows an OpenAI-shaped stream, event by event.

use super::facts::Facts;
use super::sink::Seen;
use crate::json::{Fault, Found, Place, Raw, Template, Text};

/// What is known of a stream so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    /// The last event that was nothing but a piece of text, and whether that was the last of all.
    template: Template,
    has_learned: bool,
    /// Whether the provider has named its model.
    named: bool,
    /// The choices that have begun, one bit for each, and those of them that have a finish reason.
    begun: u128,
    finished: u128,
    done: bool,
}

/// What an event is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Notice<'a> {
    /// Nothing: some servers keep connections alive with empty data.
    Empty,
    /// A chunk.
    Chunk,
    /// The chunk that was learned last, but for its text.
    Again(Found<'a>),
    /// The last chunk of a client that asked for usage: no choices.
    Usage,
    /// The provider's error.
    Error(Raw<'a>),
    /// `[DONE]`, or whatever follows it.
    Done,
}

impl Watch {
    /// Reads the data of an event, and hands on what is in it.
    ///
    /// # Errors
    /// The fault if it is not a JSON object.
    pub(crate) fn event<'a>(&mut self, data: &'a [u8], mut see: impl FnMut(Seen<'_>)) -> Result<Notice<'a>, Fault> {
        if data.trim_ascii().is_empty() {
            return Ok(Notice::Empty);
        }
        if self.done || data.starts_with(b"[DONE]") {
            self.done = true;
            return Ok(Notice::Done);
        }
        self.has_learned = false;
        if let Some(found) = self.template.recognise_with(data, |_, _| {}) {
            see(Seen::Text(found.text.len()));
            return Ok(Notice::Again(found));
        }
        let mut facts = Facts::read(data)?;
        if let Some(error) = facts.error {
            return Ok(Notice::Error(error));
        }
        if let Some(text) = facts.only_text().and_then(Text::source) {
            let padding = facts.padding.and_then(Text::source).map(|padding| (Place::Padding, padding));
            self.template.learn_with(data, std::iter::once((Place::Text, text)).chain(padding));
            self.has_learned = true;
        }
        // Azure's first event has an empty one, and what comes later says the same.
        facts.model = facts.model.filter(|model| !self.named && !model.is_empty());
        self.named |= facts.model.is_some();
        self.begun |= facts.present;
        self.finished |= facts.finished;
        facts.tell(&mut see);
        let only_usage = facts.usage.is_some() && facts.choices == Some(0);
        Ok(if only_usage { Notice::Usage } else { Notice::Chunk })
    }

    /// The last event, if the next ones are likely to be like it.
    pub(crate) fn learned(&self) -> Option<&Template> {
        self.has_learned.then_some(&self.template)
    }

    /// Whether `[DONE]` has come.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether nothing is missing, `[DONE]` apart.
    pub(crate) fn is_finished(&self) -> bool {
        self.done || (self.finished != 0 && self.finished == self.begun)
    }
}
