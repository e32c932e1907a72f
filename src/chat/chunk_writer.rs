//! Verbs into `chat.completion.chunk` events.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::answer::{AnswerHead, Delta};
use super::sink::{Citation, FinishReason, Reasoning, ReasoningPiece, Seen, Sink, ToolKind};
use super::sse;
use crate::json::{Text, write_str, write_u64};
use crate::usage::{Usage, UsageCell};

/// Writes a streamed answer: [OpenAI's chunks](https://platform.openai.com/docs/api-reference/chat-streaming), one event each.
///
/// What every chunk of an answer has in common is written once, when the answer starts. Events gather in one buffer
/// until [`take`](Self::take) hands it over, so that whatever is ready at the same time leaves in one frame.
#[derive(Debug)]
pub struct ChunkWriter {
    head: AnswerHead,
    cell: UsageCell,
    show_usage: bool,
    /// `data: {"id":…,"choices":[{"index":0,"delta":`, as it begins every chunk.
    opening: Vec<u8>,
    usage: Option<Usage>,
    tools: u32,
    last_tool: ToolKind,
    finish: Option<FinishReason>,
    out: BytesMut,
    frames: VecDeque<Bytes>,
    ended: bool,
}

impl ChunkWriter {
    /// A writer for one answer. `show_usage` is whether the client asked for the usage chunk.
    pub fn new(head: AnswerHead, cell: UsageCell, show_usage: bool) -> Self {
        Self {
            head,
            cell,
            show_usage,
            opening: Vec::new(),
            usage: None,
            tools: 0,
            last_tool: ToolKind::Function,
            finish: None,
            out: BytesMut::new(),
            frames: VecDeque::new(),
            ended: false,
        }
    }

    /// The events that have been written since the last time.
    pub fn take(&mut self) -> Option<Bytes> {
        if let Some(frame) = self.frames.pop_front() {
            return Some(frame);
        }
        if self.out.is_empty() { None } else { Some(self.out.split().freeze()) }
    }

    /// Whether [`take`](Self::take) has nothing to hand over.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.out.is_empty()
    }

    /// Whether the answer has ended as it should.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    fn open(&mut self) {
        if self.out.capacity() - self.out.len() < self.opening.len() {
            self.out.reserve(4 * self.opening.len());
        }
        self.out.extend_from_slice(&self.opening);
    }

    fn close(&mut self, finish: Option<FinishReason>, native: Option<Text<'_>>) {
        self.out.extend_from_slice(br#","finish_reason":"#);
        match finish {
            Some(reason) => write_str(&mut self.out, reason.as_str()),
            None => self.out.extend_from_slice(b"null"),
        }
        if let Some(native) = native {
            self.out.extend_from_slice(br#","native_finish_reason":"#);
            native.write_quoted(&mut self.out);
        }
        let usage: &[u8] =
            if self.show_usage { br#","logprobs":null}],"usage":null}"# } else { br#","logprobs":null}]}"# };
        self.out.extend_from_slice(usage);
        self.out.extend_from_slice(b"\n\n");
    }

    /// One chunk with this delta.
    fn chunk(&mut self, delta: impl FnOnce(&mut BytesMut)) {
        self.open();
        delta(&mut self.out);
        self.close(None, None);
    }

    fn counted(&mut self, text: Text<'_>) -> bool {
        self.cell.add_text(text.len());
        !text.is_empty()
    }

    /// The last chunk of a client that asked for usage: no choices.
    fn usage_chunk(&mut self) {
        let Some(usage) = self.usage.filter(|_| self.show_usage) else { return };
        let choices = self.opening.len() - AnswerHead::CHOICE.len();
        self.out.extend_from_slice(&self.opening[..choices]);
        self.out.extend_from_slice(br#""choices":[],"usage":"#);
        usage.write_openai(&mut self.out);
        self.out.extend_from_slice(b"}\n\n");
    }
}

impl Sink for ChunkWriter {
    fn start(&mut self, id: Text<'_>, model: Text<'_>) {
        if !self.opening.is_empty() {
            return;
        }
        self.cell.record(|seen| seen.model = Some(model.to_str().into_owned()));
        self.opening.extend_from_slice(b"data: ");
        self.head.write(&mut self.opening, id, model, "chat.completion.chunk");
        self.opening.extend_from_slice(AnswerHead::CHOICE);
        self.chunk(|out| out.extend_from_slice(br#"{"role":"assistant","content":"","refusal":null}"#));
    }

    fn text(&mut self, text: Text<'_>) {
        if self.counted(text) {
            self.chunk(|out| Delta::Content(text).write(out));
        }
    }

    fn refusal(&mut self, text: Text<'_>) {
        if self.counted(text) {
            self.chunk(|out| Delta::Refusal(text).write(out));
        }
    }

    fn reasoning(&mut self, reasoning: Reasoning<'_>) {
        if let ReasoningPiece::Text(text) = reasoning.piece
            && !self.counted(text)
        {
            return;
        }
        self.chunk(|out| Delta::Reasoning(reasoning).write(out));
    }

    fn tool_start(&mut self, id: Text<'_>, name: Text<'_>, kind: ToolKind) {
        let index = self.tools;
        self.tools += 1;
        self.cell.add_text(name.len());
        self.chunk(|out| {
            out.extend_from_slice(br#"{"tool_calls":[{"index":"#);
            write_u64(out, index.into());
            out.extend_from_slice(br#","id":"#);
            id.write_quoted(out);
            out.extend_from_slice(match kind {
                ToolKind::Function => br#","type":"function","function":{"name":"#,
                ToolKind::Custom => br#","type":"custom","custom":{"name":"#,
            });
            name.write_quoted(out);
            out.extend_from_slice(match kind {
                ToolKind::Function => br#","arguments":""}}]}"#,
                ToolKind::Custom => br#","input":""}}]}"#,
            });
        });
        self.last_tool = kind;
    }

    fn tool_args(&mut self, fragment: Text<'_>) {
        let Some(index) = self.tools.checked_sub(1) else { return };
        let kind = self.last_tool;
        if self.counted(fragment) {
            self.chunk(|out| {
                out.extend_from_slice(br#"{"tool_calls":[{"index":"#);
                write_u64(out, index.into());
                out.extend_from_slice(match kind {
                    ToolKind::Function => br#","function":{"arguments":"#,
                    ToolKind::Custom => br#","custom":{"input":"#,
                });
                fragment.write_quoted(out);
                out.extend_from_slice(b"}}]}");
            });
        }
    }

    fn citation(&mut self, citation: Citation<'_>) {
        self.chunk(|out| {
            out.extend_from_slice(br#"{"annotations":["#);
            super::answer::write_citation(out, &citation);
            out.extend_from_slice(b"]}");
        });
    }

    fn finish(&mut self, reason: FinishReason, native: Option<Text<'_>>) {
        if self.finish.replace(reason).is_some() {
            return;
        }
        self.cell.record(|seen| seen.finish_reason = Some(reason.as_str().to_owned()));
        self.open();
        self.out.put_slice(b"{}");
        self.close(Some(reason), native);
    }

    fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
        self.cell.record(|seen| seen.usage = Some(usage));
    }

    fn forward(&mut self, bytes: Bytes) {
        if !self.out.is_empty() {
            let before = self.out.split().freeze();
            self.frames.push_back(before);
        }
        self.frames.push_back(bytes);
    }

    fn observe(&mut self, seen: Seen<'_>) {
        seen.record(&self.cell);
    }

    fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.cell.record(|seen| seen.complete = true);
        if !self.opening.is_empty() {
            self.usage_chunk();
            self.out.extend_from_slice(sse::DONE);
        }
    }
}
