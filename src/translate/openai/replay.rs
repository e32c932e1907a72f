//! A whole answer where a stream was asked for: some servers ignore `stream`.

use crate::chat::{FinishReason, Reasoning, ReasoningPiece, Sink, ToolKind};
use crate::json::{Raw, Text};

/// Says a whole `chat.completion` in verbs. `None` if it is not one that can be streamed.
pub(super) fn replay(body: &[u8], sink: &mut impl Sink) -> Option<()> {
    let completion = Raw::from_bytes(body).ok()?;
    let mut choices = completion.get("choices")?.elements();
    let choice = choices.next().filter(|_| choices.next().is_none())?;
    let message = choice.get("message")?;
    let none = Text::plain("");
    sink.start(text(completion, "id").unwrap_or(none), text(completion, "model").unwrap_or(none));
    if let Some(reasoning) = text(message, "reasoning_content").or_else(|| text(message, "reasoning")) {
        sink.reasoning(Reasoning { index: 0, format: "unknown", piece: ReasoningPiece::Text(reasoning) });
    }
    sink.text(text(message, "content").unwrap_or(none));
    sink.refusal(text(message, "refusal").unwrap_or(none));
    for call in message.get("tool_calls").into_iter().flat_map(Raw::elements) {
        let (inner, input, kind) = match call.get("custom") {
            Some(custom) => (custom, "input", ToolKind::Custom),
            None => (call.get("function")?, "arguments", ToolKind::Function),
        };
        sink.tool_start(text(call, "id")?, text(inner, "name")?, kind);
        sink.tool_args(text(inner, input)?);
    }
    sink.finish(finish_reason(&text(choice, "finish_reason").unwrap_or(none).to_str()), None);
    sink.end();
    Some(())
}

fn text<'a>(parent: Raw<'a>, field: &str) -> Option<Text<'a>> {
    parent.get(field)?.as_text()
}

fn finish_reason(word: &str) -> FinishReason {
    match word {
        "length" => FinishReason::Length,
        "tool_calls" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}
