//! What an answer says, told block by block.

use super::block::{Content, source};
use super::stop::{finish_reason, is_malformed};
use super::usage;
use crate::chat::Sink;
use crate::error::ApiError;
use crate::json::{Raw, Text};
use crate::translate::decode::{Blocks, CallStart, Kind, Primed, Unreadable, string};
use crate::translate::encode::CLAUDE_FORMAT;

/// The format of reasoning of which nothing is known but that it came from here.
const UNKNOWN_FORMAT: &str = "unknown";

/// The state of one answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    started: bool,
    id: String,
    model: String,
    blocks: Blocks,
    /// Whether anything but a beginning was told.
    told: bool,
    stop: Option<String>,
}

impl Answer {
    /// `model` is what the answer calls it, for Converse does not say; `is_claude` tells whose signatures there can be.
    pub(super) fn new(primed: Primed, model: &str, is_claude: bool) -> Self {
        let format = if is_claude { CLAUDE_FORMAT } else { UNKNOWN_FORMAT };
        let model = model.to_owned();
        Self { started: false, id: String::new(), model, blocks: Blocks::new(primed, format), told: false, stop: None }
    }

    /// AWS's id of the request is all that identifies an answer.
    pub(super) fn request_id(&mut self, id: &str) {
        self.id = format!("chatcmpl-{id}");
    }

    pub(super) fn start(&mut self, sink: &mut impl Sink) {
        if !std::mem::replace(&mut self.started, true) {
            sink.start(Text::plain(&self.id), Text::plain(&self.model));
        }
    }

    /// A block begins. Of text and reasoning Converse does not say so; then the first piece does.
    pub(super) fn begin(&mut self, index: u64, start: Raw<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        match Content::read(start)? {
            Content::Call { id, name, input } => self.call(index, CallStart { id, name, input }, sink),
            _ => Ok(()),
        }
    }

    fn call(&mut self, index: u64, start: CallStart<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        self.start(sink);
        self.told = true;
        self.end_block(index, sink)?;
        self.blocks.call(index, &start, sink)
    }

    /// A piece of a block, or a whole one.
    pub(super) fn piece(&mut self, index: u64, piece: Raw<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        self.content(index, Content::read(piece)?, sink)
    }

    /// The same, once it has been read.
    pub(super) fn content(&mut self, index: u64, content: Content<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        match content {
            Content::Text(text) => self.text(index, text, sink),
            Content::Reasoning { text, signature } => {
                self.start(sink);
                if !matches!(self.blocks.kind(index), Some(Kind::Thinking(_))) {
                    self.end_block(index, sink)?;
                    self.blocks.thinking(index)?;
                }
                self.told |= !text.is_empty();
                self.blocks.more(index, text, sink)?;
                self.blocks.signature(index, signature, sink);
                Ok(())
            }
            Content::Redacted(data) => {
                self.start(sink);
                self.told = true;
                self.blocks.redacted(data, sink);
                Ok(())
            }
            Content::Call { id, name, input } => self.call(index, CallStart { id, name, input }, sink),
            Content::Arguments(fragment) => self.blocks.more(index, fragment, sink),
            Content::Citation(citation) => self.blocks.cite(index, citation.text().len(), source(citation)),
            Content::Cited { content, citations } => {
                for part in content.elements() {
                    self.text(index, string(part.get("text"))?, sink)?;
                }
                for citation in citations.into_iter().flat_map(Raw::elements) {
                    self.blocks.cite(index, citation.text().len(), source(citation))?;
                }
                Ok(())
            }
            Content::Other => Ok(()),
        }
    }

    fn text(&mut self, index: u64, text: Text<'_>, sink: &mut impl Sink) -> Result<(), ApiError> {
        self.start(sink);
        if !matches!(self.blocks.kind(index), Some(Kind::Text { .. })) {
            self.end_block(index, sink)?;
            self.blocks.text(index)?;
        }
        self.told |= !text.is_empty();
        self.blocks.more(index, text, sink)
    }

    pub(super) fn end_block(&mut self, index: u64, sink: &mut impl Sink) -> Result<(), ApiError> {
        self.blocks.end(index, sink)
    }

    pub(super) fn stop(&mut self, reason: Option<Raw<'_>>) -> Result<(), Unreadable> {
        self.stop = Some(string(reason)?.to_str().into_owned()).filter(|reason| !reason.is_empty());
        Ok(())
    }

    /// What `metadata`, or a whole answer, says beside the content: usage and the tier.
    pub(super) fn metadata(&self, metadata: Raw<'_>, sink: &mut impl Sink) {
        if let Some(usage) = metadata.get("usage").and_then(usage::read) {
            sink.usage(usage);
        }
        let tier = metadata.get("serviceTier").and_then(|tier| tier.get("type")).and_then(Raw::as_text);
        if let Some(tier) = tier.filter(|tier| !tier.is_empty()) {
            sink.service_tier(tier);
        }
    }

    /// No more comes. The reason is told only now: usage may stand before it or after it.
    pub(super) fn finish(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        let Some(word) = self.stop.take() else { return Err(ApiError::upstream_broke_off()) };
        if is_malformed(&word) && !self.told {
            return Err(ApiError::upstream_malformed());
        }
        self.start(sink);
        self.blocks.end_all(sink)?;
        let (reason, is_native) = finish_reason(&word);
        sink.finish(reason, is_native.then(|| Text::plain(&word)));
        sink.end();
        Ok(())
    }
}
