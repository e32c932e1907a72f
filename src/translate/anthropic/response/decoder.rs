//! The reader of one answer.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;

use super::answer::Answer;
use super::error;
use super::event::Event;
use super::message::Message;
use crate::chat::Sink;
use crate::chat::sse::{Block, Scanner};
use crate::error::ApiError;
use crate::json::{Kind, Raw, Template, Text, utf8};
use crate::translate::decode::{Primed, Unreadable, string};
use crate::translate::dialect::Decode;
use crate::translate::scrub::Scrub;

/// Reads an answer of Anthropic's Messages API, streamed or whole.
#[derive(Clone)]
pub struct AnthropicDecoder {
    scanner: Scanner,
    state: State,
}

/// What the events act on.
#[derive(Clone)]
struct State {
    answer: Answer,
    scrub: Scrub,
    ended: bool,
    /// The last event that was nothing but a piece of text, and the block that it belonged to.
    template: Template,
    template_block: u64,
}

impl AnthropicDecoder {
    /// A reader that knows this of the request, and takes these secrets out of what it quotes.
    pub(crate) fn new(primed: Primed, scrub: Scrub) -> Self {
        let state = State {
            answer: Answer::new(primed),
            scrub,
            ended: false,
            template: Template::default(),
            template_block: 0,
        };
        Self { scanner: Scanner::default(), state }
    }
}

/// What has been read is not printed: it is the answer.
impl fmt::Debug for AnthropicDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnthropicDecoder").field("ended", &self.state.ended).finish_non_exhaustive()
    }
}

impl Decode for AnthropicDecoder {
    fn stream(&mut self, bytes: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Self { scanner, state } = self;
        if state.ended {
            return Ok(());
        }
        scanner.feed(&bytes, |block| state.block(&block, sink))
    }

    fn end(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Self { scanner, state } = self;
        let last = scanner.finish(|block| if is_complete(&block) { state.block(&block, sink) } else { Ok(()) });
        last.transpose()?;
        self.state.end_of_stream(sink)
    }

    fn whole(&mut self, body: Bytes, sink: &mut impl Sink) -> Result<(), ApiError> {
        let message = Message::from_bytes(&body).map_err(Unreadable::from)?;
        self.state.message(&message, sink)
    }

    fn error(&self, status: StatusCode, body: &[u8]) -> ApiError {
        error::from_status(status, body, &self.state.scrub)
    }
}

impl State {
    fn message(&mut self, message: &Message<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let content = match message.content {
            Some(content) if content.kind() == Kind::Array => content,
            _ if message.error.is_some() => return Err(error::from_body(message.error, &self.scrub)),
            _ => return Err(Unreadable.into()),
        };
        self.answer.head(message, sink)?;
        for (index, block) in (0..).zip(content.elements()) {
            self.answer.begin_block(index, block, sink)?;
            self.answer.end_block(index, sink)?;
        }
        self.answer.finish(sink)
    }

    fn block(&mut self, block: &Block<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Some(data) = block.data() else { return Ok(()) };
        if self.ended || data.is_empty() {
            return Ok(());
        }
        if let Some(text) = self.template.recognise(&data)
            && self.answer.text_delta(self.template_block, text, sink)?
        {
            return Ok(());
        }
        // Gateways that speak both protocols end both kinds of stream like this.
        if *data == *b"[DONE]" {
            return self.end_of_stream(sink);
        }
        let event = Event::read(utf8(&data).map_err(Unreadable::from)?)?;
        self.learn(&event, &data);
        self.event(&event, sink)
    }

    /// The next events are likely to be like this one, if it is a piece of text.
    fn learn(&mut self, event: &Event<'_>, data: &[u8]) {
        let is = |value: Option<Raw<'_>>, word| value.is_some_and(|value| value.text() == word);
        let Some(delta) = event.delta.as_ref().filter(|delta| is(delta.kind, r#""text_delta""#)) else { return };
        if let (true, Some(index)) = (is(event.kind, r#""content_block_delta""#), event.index.and_then(Raw::as_u64))
            && let Some(text) = delta.text.and_then(Raw::as_text).and_then(Text::source)
        {
            self.template.learn(data, text);
            self.template_block = index;
        }
    }

    fn event(&mut self, event: &Event<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        let kind = match event.kind {
            Some(kind) => string(Some(kind))?.to_str(),
            None if event.error.is_some() => "error".into(),
            None => return Err(Unreadable.into()),
        };
        match &*kind {
            "content_block_delta" => {
                let delta = event.delta.as_ref().ok_or(Unreadable)?;
                self.answer.delta(index(event)?, delta, sink)
            }
            "content_block_start" => {
                self.answer.begin_block(index(event)?, event.content_block.ok_or(Unreadable)?, sink)
            }
            "content_block_stop" => self.answer.end_block(index(event)?, sink),
            "message_start" => {
                let message = event.message.filter(|message| message.kind() == Kind::Object).ok_or(Unreadable)?;
                self.answer.head(&Message::read(message), sink)
            }
            "message_delta" => {
                if let Some(delta) = &event.delta {
                    self.answer.stop(delta)?;
                }
                self.answer.usage(event.usage, sink);
                Ok(())
            }
            "message_stop" if self.answer.is_started() => self.finish(sink),
            "message_stop" => Err(Unreadable.into()),
            "error" => Err(error::from_body(event.error, &self.scrub)),
            // `ping`, and whatever is invented next.
            _ => Ok(()),
        }
    }

    /// No more events come: the answer is whole if the provider has said why the model stopped.
    fn end_of_stream(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        if self.ended {
            return Ok(());
        }
        if !self.answer.is_stopped() {
            return Err(ApiError::upstream_broke_off());
        }
        self.finish(sink)
    }

    fn finish(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        self.ended = true;
        self.answer.finish(sink)
    }
}

/// Whether the last event of a stream is all there. Half an event is as good as none.
fn is_complete(block: &Block<'_>) -> bool {
    block.data().is_some_and(|data| Raw::from_bytes(&data).is_ok())
}

fn index(event: &Event<'_>) -> Result<u64, Unreadable> {
    event.index.and_then(Raw::as_u64).ok_or(Unreadable)
}
