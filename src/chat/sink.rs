//! The verbs in which every answer is told.

use bytes::Bytes;

use crate::json::Text;
use crate::usage::Usage;

/// What takes an answer, verb by verb.
///
/// A provider's decoder never writes OpenAI's format itself: it says what the provider said, and one of two writers
/// makes chunks or one message of it. So a streamed answer and a whole one cannot drift apart.
///
/// The order is: [`start`](Self::start) once; then text, reasoning and tool calls as they come; then
/// [`finish`](Self::finish) and [`end`](Self::end) once each. [`usage`](Self::usage) may come at any time and replaces
/// what it said before. An answer that is in OpenAI's format already goes through [`forward`](Self::forward) instead.
pub trait Sink {
    /// The answer has begun. `id` and `model` are the provider's own; an empty id stands for none, and one is made up.
    fn start(&mut self, id: Text<'_>, model: Text<'_>);

    /// More of the visible text.
    fn text(&mut self, text: Text<'_>);

    /// More of the text with which the model refuses.
    fn refusal(&mut self, text: Text<'_>);

    /// More of the model's reasoning.
    fn reasoning(&mut self, reasoning: Reasoning<'_>);

    /// The signature of the tool call that begins next, which its provider wants back with it: Google's
    /// `extra_content.google.thought_signature`.
    fn tool_signature(&mut self, signature: Text<'_>);

    /// The next tool call begins. Its place among the tool calls is counted by the sink.
    fn tool_start(&mut self, id: Text<'_>, name: Text<'_>, kind: ToolKind);

    /// More of the arguments of the tool call that began last.
    fn tool_args(&mut self, fragment: Text<'_>);

    /// A source that the text refers to.
    fn citation(&mut self, citation: Citation<'_>);

    /// Why the model stopped. `native` is the provider's own word, where OpenAI's says less.
    fn finish(&mut self, reason: FinishReason, native: Option<Text<'_>>);

    /// The tokens so far.
    fn usage(&mut self, usage: Usage);

    /// The tier that served the request, in OpenAI's words (`service_tier`). Must come before [`finish`](Self::finish).
    fn service_tier(&mut self, tier: Text<'_>);

    /// Bytes that are in the client's format already: whole events of a stream, or the whole of an unstreamed answer.
    fn forward(&mut self, bytes: Bytes);

    /// What a decoder that forwards has read in passing.
    fn observe(&mut self, seen: Seen<'_>);

    /// The answer ended as it should.
    fn end(&mut self);
}

/// A piece of reasoning, as it belongs into `reasoning_content` and `reasoning_details`.
///
/// The field names are those that [OpenRouter](https://openrouter.ai/docs/use-cases/reasoning-tokens) introduced.
#[derive(Clone, Copy, Debug)]
pub struct Reasoning<'a> {
    /// Which block of reasoning it belongs to, counted from 0.
    pub index: u32,
    /// The dialect of the signature, such as `anthropic-claude-v1`: nobody else can replay it.
    pub format: &'static str,
    /// What there is of it.
    pub piece: ReasoningPiece<'a>,
}

/// What there is of a piece of reasoning.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ReasoningPiece<'a> {
    /// Text for people.
    Text(Text<'a>),
    /// The signature of the whole block.
    Signature(Text<'a>),
    /// A block that only the provider can read.
    Encrypted(Text<'a>),
}

/// What kind of tool is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolKind {
    /// `function`: its arguments are JSON.
    Function,
    /// `custom`: its input is any text.
    Custom,
}

/// A source on the web: OpenAI's `url_citation`.
#[derive(Clone, Copy, Debug)]
pub struct Citation<'a> {
    /// Where it is.
    pub url: Text<'a>,
    /// What it is called.
    pub title: Text<'a>,
    /// The first character of the text that it supports.
    pub start: u64,
    /// The character after the last one.
    pub end: u64,
}

/// Why a model stopped. OpenAI's enum is closed; strict clients fail on any other word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// It said what it had to say, or met a stop sequence.
    Stop,
    /// It reached the limit on tokens.
    Length,
    /// It calls tools.
    ToolCalls,
    /// The provider's filter stopped it, or it refused.
    ContentFilter,
}

impl FinishReason {
    /// OpenAI's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// What was read in passing from an answer that is forwarded as it is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Seen<'a> {
    /// The provider's name of the model.
    Model(Text<'a>),
    /// The finish reason, in OpenAI's words.
    Finish(Text<'a>),
    /// The tokens so far.
    Usage(Usage),
    /// This many bytes of text, reasoning or tool arguments.
    Text(usize),
}
