//! Verbs into `chat.completion.chunk` events.

use std::collections::VecDeque;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::answer::{AnswerHead, Delta, comma, write_citation, write_signature, write_tier};
use super::sink::{Citation, FinishReason, Reasoning, ReasoningPiece, Seen, Sink, ToolKind};
use super::sse;
use crate::json::{Text, write_str, write_u64};
use crate::usage::{Usage, UsageCell};

/// Writes a streamed answer: [OpenAI's chunks](https://platform.openai.com/docs/api-reference/chat-streaming), one event each.
///
/// What every chunk of an answer has in common is written once, when the answer starts. Events gather in one buffer
/// until [`take`](Self::take) hands it over, so that whatever is ready at the same time leaves in one frame.
pub struct ChunkWriter {
    head: AnswerHead,
    cell: UsageCell,
    show_usage: bool,
    /// `data: {"id":…,"choices":[{"index":0,"delta":`, as it begins every chunk.
    opening: Vec<u8>,
    usage: Option<Usage>,
    tools: u32,
    last_tool: ToolKind,
    /// The signature of the next tool call, as a field of it.
    signature: Vec<u8>,
    last_reasoning: Option<u32>,
    annotations: Vec<u8>,
    /// `service_tier`, as a field of the last chunk with a choice.
    tier: Vec<u8>,
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
            signature: Vec::new(),
            last_reasoning: None,
            annotations: Vec::new(),
            tier: Vec::new(),
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
        if self.opening.is_empty() {
            // A decoder that never said `start`: better a made-up id than a chunk without a head.
            self.start(Text::plain(""), Text::plain(""));
        }
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
            if self.show_usage { br#","logprobs":null}],"usage":null"# } else { br#","logprobs":null}]"# };
        self.out.extend_from_slice(usage);
        if finish.is_some() {
            self.out.extend_from_slice(&self.tier);
        }
        self.out.extend_from_slice(b"}\n\n");
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

    /// All sources in one chunk: openai-python's stream helper fails at a second list of them, openai-node's forgets the first.
    fn all_annotations(&mut self) {
        if self.annotations.is_empty() {
            return;
        }
        let annotations = std::mem::take(&mut self.annotations);
        self.chunk(|out| {
            out.extend_from_slice(br#"{"annotations":["#);
            out.extend_from_slice(&annotations);
            out.extend_from_slice(b"]}");
        });
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

/// What has been written is not printed: it is the answer.
impl fmt::Debug for ChunkWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkWriter")
            .field("frames", &self.frames.len())
            .field("bytes", &self.out.len())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
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
        let is_first = self.last_reasoning.replace(reasoning.index) != Some(reasoning.index);
        self.chunk(|out| Delta::Reasoning { piece: reasoning, is_first }.write(out));
    }

    fn tool_start(&mut self, id: Text<'_>, name: Text<'_>, kind: ToolKind) {
        let index = self.tools;
        self.tools += 1;
        self.cell.add_text(name.len());
        let signature = std::mem::take(&mut self.signature);
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
                ToolKind::Function => br#","arguments":""}"#,
                ToolKind::Custom => br#","input":""}"#,
            });
            out.extend_from_slice(&signature);
            out.extend_from_slice(b"}]}");
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

    fn tool_signature(&mut self, signature: Text<'_>) {
        write_signature(&mut self.signature, signature);
    }

    fn citation(&mut self, citation: Citation<'_>) {
        comma(&mut self.annotations);
        write_citation(&mut self.annotations, &citation);
    }

    fn finish(&mut self, reason: FinishReason, native: Option<Text<'_>>) {
        if self.finish.replace(reason).is_some() {
            return;
        }
        self.all_annotations();
        self.cell.record(|seen| seen.finish_reason = Some(reason.as_str().to_owned()));
        self.open();
        self.out.put_slice(b"{}");
        self.close(Some(reason), native);
    }

    fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
        self.cell.record(|seen| seen.usage = Some(usage));
    }

    fn service_tier(&mut self, tier: Text<'_>) {
        write_tier(&mut self.tier, tier);
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

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"data: {"id":"msg_1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":"#;

    fn told(show_usage: bool, tell: impl FnOnce(&mut ChunkWriter)) -> String {
        let mut writer = ChunkWriter::new(AnswerHead::new(7, || "chatcmpl-1".to_owned()), UsageCell::new(), show_usage);
        tell(&mut writer);
        let mut out = Vec::new();
        while let Some(frame) = writer.take() {
            out.extend_from_slice(&frame);
        }
        assert!(writer.is_empty());
        String::from_utf8(out).unwrap()
    }

    /// The deltas of chunks that differ in nothing else.
    fn deltas(tell: impl FnOnce(&mut ChunkWriter)) -> Vec<String> {
        let out = told(false, |writer| {
            writer.start("msg_1".into(), "m".into());
            tell(writer);
        });
        let delta = |event: &str| {
            let delta = event.strip_prefix(HEAD).unwrap();
            delta.strip_suffix(r#","finish_reason":null,"logprobs":null}]}"#).unwrap().to_owned()
        };
        out.split_terminator("\n\n").skip(1).map(delta).collect()
    }

    #[test]
    fn an_answer_from_its_first_chunk_to_the_end() {
        let first = r#"{"role":"assistant","content":"","refusal":null}"#;
        let out = told(false, |writer| {
            writer.start("msg_1".into(), "m".into());
            writer.start("again".into(), "no".into());
            writer.text("hi".into());
            writer.text("".into());
            writer.usage(Usage { input: 3, ..Usage::default() });
            writer.finish(FinishReason::Stop, None);
            writer.finish(FinishReason::Length, None);
            writer.end();
            writer.end();
        });
        let middle = r#","finish_reason":null,"logprobs":null}]}"#;
        let last = r#"{},"finish_reason":"stop","logprobs":null}]}"#;
        assert_eq!(
            out,
            format!(
                "{HEAD}{first}{middle}\n\n{HEAD}{{\"content\":\"hi\"}}{middle}\n\n{HEAD}{last}\n\ndata: [DONE]\n\n"
            )
        );
    }

    #[test]
    fn usage_is_shown_to_a_client_that_asked() {
        let out = told(true, |writer| {
            writer.start("msg_1".into(), "m".into());
            writer.usage(Usage { input: 1, ..Usage::default() });
            writer.usage(Usage { input: 3, cache_read: 2, output: 4, reasoning: 1, ..Usage::default() });
            writer.service_tier("priority".into());
            writer.service_tier("flex".into());
            writer.finish(FinishReason::Length, Some("pause_turn".into()));
            writer.end();
        });
        let events: Vec<&str> = out.split_terminator("\n\n").collect();
        assert!(events[0].ends_with(r#""finish_reason":null,"logprobs":null}],"usage":null}"#));
        assert!(events[1].ends_with(
            r#"{},"finish_reason":"length","native_finish_reason":"pause_turn","logprobs":null}],"usage":null,"service_tier":"flex"}"#
        ));
        assert_eq!(
            events[2],
            r#"data: {"id":"msg_1","object":"chat.completion.chunk","created":7,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":5,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":0},"completion_tokens_details":{"reasoning_tokens":1}}}"#
        );
        assert_eq!(events[3..], ["data: [DONE]"]);
        let unknown = told(true, |writer| {
            writer.finish(FinishReason::Stop, None);
            writer.end();
        });
        assert!(!unknown.contains("prompt_tokens"), "figures that nobody reported are not invented");
    }

    #[test]
    fn every_verb_has_its_delta() {
        let piece = |piece| Reasoning { index: 2, format: "f-v1", piece };
        let told = deltas(|writer| {
            writer.text(Text::plain("a\"\n\u{2028}"));
            writer.refusal("no".into());
            writer.reasoning(piece(ReasoningPiece::Text("hm".into())));
            writer.reasoning(piece(ReasoningPiece::Text("".into())));
            writer.reasoning(piece(ReasoningPiece::Signature("s".into())));
            writer.reasoning(piece(ReasoningPiece::Encrypted("e".into())));
            writer.tool_args("lost".into());
            writer.tool_signature("s\"".into());
            writer.tool_start("c1".into(), "f".into(), ToolKind::Function);
            writer.tool_args("{}".into());
            writer.tool_args("".into());
            writer.tool_start("c2".into(), "g".into(), ToolKind::Custom);
            writer.tool_args("x".into());
        });
        let expected = [
            "{\"content\":\"a\\\"\\n\u{2028}\"}",
            r#"{"refusal":"no"}"#,
            r#"{"reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","format":"f-v1","index":2}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.text","signature":"s","index":2}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"e","index":2}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""},"extra_content":{"google":{"thought_signature":"s\""}}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":1,"id":"c2","type":"custom","custom":{"name":"g","input":""}}]}"#,
            r#"{"tool_calls":[{"index":1,"custom":{"input":"x"}}]}"#,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn all_sources_come_in_one_chunk_before_the_end() {
        let out = told(false, |writer| {
            writer.citation(Citation { url: "u".into(), title: "t".into(), start: 1, end: 2 });
            writer.text("more".into());
            writer.citation(Citation { url: "v".into(), title: "t".into(), start: 3, end: 4 });
            writer.finish(FinishReason::Stop, None);
        });
        let annotations = r#"{"annotations":[{"type":"url_citation","url_citation":{"start_index":1,"end_index":2,"title":"t","url":"u"}},{"type":"url_citation","url_citation":{"start_index":3,"end_index":4,"title":"t","url":"v"}}]}"#;
        let at = |piece: &str| out.find(piece).unwrap_or_else(|| panic!("{piece} in {out}"));
        assert!(at(r#"{"content":"more"}"#) < at(annotations) && at(annotations) < at(r#""finish_reason":"stop""#));
        assert_eq!(out.matches("annotations").count(), 1);
    }

    #[test]
    fn a_decoder_that_says_no_start_gets_one() {
        let out = told(false, |writer| writer.text("hi".into()));
        assert!(out.starts_with(r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","#));
        assert_eq!(out.matches("\"role\"").count(), 1);
    }

    #[test]
    fn what_is_forwarded_stays_in_its_place() {
        let out = told(true, |writer| {
            writer.forward(Bytes::from_static(b"data: 1\n\n"));
            writer.end();
        });
        assert_eq!(out, "data: 1\n\n");
    }

    #[test]
    fn the_cell_sees_what_the_client_gets() {
        let cell = UsageCell::new();
        let mut writer = ChunkWriter::new(AnswerHead::new(7, || "chatcmpl-1".to_owned()), cell.clone(), false);
        writer.start("msg_1".into(), "m".into());
        writer.text("é".into());
        writer.usage(Usage { output: 1, ..Usage::default() });
        assert!(!cell.observed().complete);
        writer.finish(FinishReason::Stop, None);
        writer.end();
        let seen = cell.observed();
        assert_eq!((seen.model.as_deref(), seen.finish_reason.as_deref()), (Some("m"), Some("stop")));
        assert_eq!((seen.text_bytes, seen.complete, seen.usage.map(|usage| usage.output)), (2, true, Some(1)));
    }
}
