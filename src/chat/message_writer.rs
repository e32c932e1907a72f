//! Verbs into one `chat.completion`.

use std::fmt;

use bytes::Bytes;

use super::answer::{AnswerHead, comma, write_citation, write_detail, write_detail_tail, write_signature, write_tier};
use super::sink::{Citation, FinishReason, Reasoning, ReasoningPiece, Seen, Sink, ToolKind};
use crate::json::{Text, write_str};
use crate::usage::{Usage, UsageCell};

/// Writes a whole answer: [OpenAI's `chat.completion`](https://platform.openai.com/docs/api-reference/chat/object).
pub struct MessageWriter {
    head: AnswerHead,
    cell: UsageCell,
    out: Vec<u8>,
    content: Option<Vec<u8>>,
    refusal: Option<Vec<u8>>,
    reasoning: Option<Vec<u8>>,
    details: Details,
    tool_calls: ToolCalls,
    annotations: Vec<u8>,
    finish: Option<FinishReason>,
    native: Option<Vec<u8>>,
    tier: Vec<u8>,
    usage: Option<Usage>,
    forwarded: Option<Bytes>,
    ended: bool,
}

/// `reasoning_details`: the pieces of one block of text, and its signature, make one entry.
#[derive(Default)]
struct Details {
    json: Vec<u8>,
    open: Option<OpenDetail>,
}

struct OpenDetail {
    index: u32,
    format: &'static str,
    text: Vec<u8>,
    signature: Option<Vec<u8>>,
}

impl Details {
    fn push(&mut self, reasoning: Reasoning<'_>) {
        if let ReasoningPiece::Encrypted(_) = reasoning.piece {
            self.close();
            comma(&mut self.json);
            return write_detail(&mut self.json, &reasoning, true);
        }
        if self.open.as_ref().is_none_or(|open| open.index != reasoning.index) {
            self.close();
        }
        let open = self.open.get_or_insert_with(|| OpenDetail {
            index: reasoning.index,
            format: reasoning.format,
            text: Vec::new(),
            signature: None,
        });
        match reasoning.piece {
            ReasoningPiece::Signature(signature) => signature.write_escaped(open.signature.get_or_insert_default()),
            ReasoningPiece::Text(text) | ReasoningPiece::Encrypted(text) => text.write_escaped(&mut open.text),
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let out = &mut self.json;
        comma(out);
        out.extend_from_slice(br#"{"type":"reasoning.text","text":""#);
        out.extend_from_slice(&open.text);
        if let Some(signature) = open.signature {
            out.extend_from_slice(br#"","signature":""#);
            out.extend_from_slice(&signature);
        }
        out.push(b'"');
        write_detail_tail(out, Some(open.format), open.index);
    }
}

/// `tool_calls`, each left open for the next fragment of its arguments.
#[derive(Default)]
struct ToolCalls {
    json: Vec<u8>,
    open: bool,
    /// That of the open call, or of the one that opens next, as a field.
    signature: Vec<u8>,
}

impl ToolCalls {
    fn start(&mut self, id: Text<'_>, name: Text<'_>, kind: ToolKind) {
        self.close();
        let out = &mut self.json;
        comma(out);
        out.extend_from_slice(br#"{"id":"#);
        id.write_quoted(out);
        let (inner, input): (&[u8], &[u8]) = match kind {
            ToolKind::Function => (br#","type":"function","function":{"name":"#, br#","arguments":""#),
            ToolKind::Custom => (br#","type":"custom","custom":{"name":"#, br#","input":""#),
        };
        out.extend_from_slice(inner);
        name.write_quoted(out);
        out.extend_from_slice(input);
        self.open = true;
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.json.extend_from_slice(br#""}"#);
            self.json.append(&mut self.signature);
            self.json.push(b'}');
        }
    }
}

impl MessageWriter {
    /// A writer for one answer.
    pub fn new(head: AnswerHead, cell: UsageCell) -> Self {
        Self {
            head,
            cell,
            out: Vec::with_capacity(512),
            content: None,
            refusal: None,
            reasoning: None,
            details: Details::default(),
            tool_calls: ToolCalls::default(),
            annotations: Vec::new(),
            finish: None,
            native: None,
            tier: Vec::new(),
            usage: None,
            forwarded: None,
            ended: false,
        }
    }

    /// The answer, once, if it has ended as it should.
    pub fn take(&mut self) -> Option<Bytes> {
        if !std::mem::take(&mut self.ended) {
            return None;
        }
        if let Some(answer) = self.forwarded.take() {
            return Some(answer);
        }
        self.start(Text::plain(""), Text::plain(""));
        self.details.close();
        self.tool_calls.close();
        let out = &mut self.out;
        out.extend_from_slice(br#""choices":[{"index":0,"message":{"role":"assistant","content":"#);
        write_optional(out, self.content.as_deref());
        out.extend_from_slice(br#","refusal":"#);
        write_optional(out, self.refusal.as_deref());
        if let Some(reasoning) = &self.reasoning {
            out.extend_from_slice(br#","reasoning_content":"#);
            write_optional(out, Some(reasoning));
        }
        write_list(out, br#","reasoning_details":["#, &self.details.json);
        write_list(out, br#","tool_calls":["#, &self.tool_calls.json);
        write_list(out, br#","annotations":["#, &self.annotations);
        out.extend_from_slice(br#"},"finish_reason":"#);
        write_str(out, self.finish.unwrap_or(FinishReason::Stop).as_str());
        if let Some(native) = &self.native {
            out.extend_from_slice(br#","native_finish_reason":"#);
            write_optional(out, Some(native));
        }
        out.extend_from_slice(br#","logprobs":null}]"#);
        if let Some(usage) = self.usage {
            out.extend_from_slice(br#","usage":"#);
            usage.write_openai(out);
        }
        out.append(&mut self.tier);
        out.push(b'}');
        Some(std::mem::take(out).into())
    }
}

fn write_optional(out: &mut Vec<u8>, escaped: Option<&[u8]>) {
    match escaped {
        None => out.extend_from_slice(b"null"),
        Some(text) => {
            out.push(b'"');
            out.extend_from_slice(text);
            out.push(b'"');
        }
    }
}

fn write_list(out: &mut Vec<u8>, opening: &[u8], entries: &[u8]) {
    if !entries.is_empty() {
        out.extend_from_slice(opening);
        out.extend_from_slice(entries);
        out.push(b']');
    }
}

/// What has been written is not printed: it is the answer.
impl fmt::Debug for MessageWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter")
            .field("finish", &self.finish)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Sink for MessageWriter {
    fn start(&mut self, id: Text<'_>, model: Text<'_>) {
        if self.out.is_empty() {
            self.cell.record(|seen| seen.model = Some(model.to_str().into_owned()));
            self.head.write(&mut self.out, id, model, "chat.completion");
        }
    }

    fn text(&mut self, text: Text<'_>) {
        self.cell.add_text(text.len());
        if !text.is_empty() {
            text.write_escaped(self.content.get_or_insert_default());
        }
    }

    fn refusal(&mut self, text: Text<'_>) {
        self.cell.add_text(text.len());
        if !text.is_empty() {
            text.write_escaped(self.refusal.get_or_insert_default());
        }
    }

    fn reasoning(&mut self, reasoning: Reasoning<'_>) {
        if let ReasoningPiece::Text(text) = reasoning.piece {
            self.cell.add_text(text.len());
            if text.is_empty() {
                return;
            }
            text.write_escaped(self.reasoning.get_or_insert_default());
        }
        self.details.push(reasoning);
    }

    fn tool_start(&mut self, id: Text<'_>, name: Text<'_>, kind: ToolKind) {
        self.cell.add_text(name.len());
        self.tool_calls.start(id, name, kind);
    }

    fn tool_args(&mut self, fragment: Text<'_>) {
        self.cell.add_text(fragment.len());
        if self.tool_calls.open {
            fragment.write_escaped(&mut self.tool_calls.json);
        }
    }

    fn tool_signature(&mut self, signature: Text<'_>) {
        self.tool_calls.close();
        write_signature(&mut self.tool_calls.signature, signature);
    }

    fn citation(&mut self, citation: Citation<'_>) {
        comma(&mut self.annotations);
        write_citation(&mut self.annotations, &citation);
    }

    fn finish(&mut self, reason: FinishReason, native: Option<Text<'_>>) {
        self.cell.record(|seen| seen.finish_reason = Some(reason.as_str().to_owned()));
        self.finish = Some(reason);
        if let Some(native) = native {
            native.write_escaped(self.native.insert(Vec::new()));
        }
    }

    fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
        self.cell.record(|seen| seen.usage = Some(usage));
    }

    fn service_tier(&mut self, tier: Text<'_>) {
        write_tier(&mut self.tier, tier);
    }

    fn forward(&mut self, bytes: Bytes) {
        self.forwarded = Some(bytes);
    }

    fn observe(&mut self, seen: Seen<'_>) {
        seen.record(&self.cell);
    }

    fn end(&mut self) {
        self.ended = true;
        self.cell.record(|seen| seen.complete = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tell: impl FnOnce(&mut MessageWriter)) -> Option<String> {
        let mut writer = MessageWriter::new(AnswerHead::new(7, || "chatcmpl-1".to_owned()), UsageCell::new());
        tell(&mut writer);
        writer.take().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    const HEAD: &str = r#"{"id":"msg_1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":{"role":"assistant","#;

    #[test]
    fn a_plain_answer_has_no_more_than_it_needs() {
        let out = told(|writer| {
            writer.start("msg_1".into(), "m".into());
            writer.text("a".into());
            writer.text("\"b".into());
            writer.finish(FinishReason::Stop, None);
            writer.end();
        });
        let rest = r#""content":"a\"b","refusal":null},"finish_reason":"stop","logprobs":null}]}"#;
        assert_eq!(out.unwrap(), format!("{HEAD}{rest}"));
    }

    #[test]
    fn an_answer_with_everything() {
        let piece = |index, piece| Reasoning { index, format: "f-v1", piece };
        let out = told(|writer| {
            writer.start("msg_1".into(), "m".into());
            writer.reasoning(piece(0, ReasoningPiece::Text("h".into())));
            writer.reasoning(piece(0, ReasoningPiece::Text("m".into())));
            writer.reasoning(piece(0, ReasoningPiece::Signature("s".into())));
            writer.reasoning(piece(1, ReasoningPiece::Encrypted("e".into())));
            writer.reasoning(piece(2, ReasoningPiece::Text(".".into())));
            writer.tool_args("lost".into());
            writer.tool_signature("s".into());
            writer.tool_start("c1".into(), "f".into(), ToolKind::Function);
            writer.tool_args("{".into());
            writer.tool_args("}".into());
            writer.tool_start("c2".into(), "g".into(), ToolKind::Custom);
            writer.tool_args("\"".into());
            writer.refusal("no".into());
            writer.citation(Citation { url: "u".into(), title: "t".into(), start: 1, end: 2 });
            writer.usage(Usage { input: 3, ..Usage::default() });
            writer.service_tier("flex".into());
            writer.finish(FinishReason::ContentFilter, Some("refusal".into()));
            writer.end();
        });
        let rest = concat!(
            r#""content":null,"refusal":"no","reasoning_content":"hm.","reasoning_details":["#,
            r#"{"type":"reasoning.text","text":"hm","signature":"s","format":"f-v1","index":0},"#,
            r#"{"type":"reasoning.encrypted","data":"e","format":"f-v1","index":1},"#,
            r#"{"type":"reasoning.text","text":".","format":"f-v1","index":2}],"tool_calls":["#,
            r#"{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"},"#,
            r#""extra_content":{"google":{"thought_signature":"s"}}},"#,
            r#"{"id":"c2","type":"custom","custom":{"name":"g","input":"\""}}],"annotations":["#,
            r#"{"type":"url_citation","url_citation":{"start_index":1,"end_index":2,"title":"t","url":"u"}}]},"#,
            r#""finish_reason":"content_filter","native_finish_reason":"refusal","logprobs":null}],"usage":"#,
            r#"{"prompt_tokens":3,"completion_tokens":0,"total_tokens":3,"prompt_tokens_details":"#,
            r#"{"cached_tokens":0,"cache_write_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"flex"}"#,
        );
        assert_eq!(out.unwrap(), format!("{HEAD}{rest}"));
    }

    #[test]
    fn an_answer_that_did_not_end_is_none() {
        let out = told(|writer| {
            writer.start("msg_1".into(), "m".into());
            writer.text("half".into());
        });
        assert_eq!(out, None);
    }

    #[test]
    fn what_is_forwarded_is_the_answer() {
        let out = told(|writer| {
            writer.forward(Bytes::from_static(b"{}"));
            writer.end();
        });
        assert_eq!(out.unwrap(), "{}");
    }

    #[test]
    fn a_decoder_that_says_no_start_gets_one() {
        let out = told(|writer| {
            writer.text("hi".into());
            writer.end();
        });
        assert!(out.unwrap().starts_with(r#"{"id":"chatcmpl-1","object":"chat.completion","created":7,"#));
    }
}
