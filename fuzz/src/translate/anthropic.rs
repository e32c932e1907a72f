//! Anthropic's answers.

use serde_json::{Value, json};

use super::check;
use super::told::{streamed, whole};
use crate::{Input, requests};

/// Cut anywhere; whole; and one message in both forms, which is the same answer.
pub fn anthropic(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let (dialect, requests) = (requests::anthropic(), requests::requests());
    let chat = &requests[input.pick / 4 % 4];
    match input.pick % 4 {
        0 | 1 => drop(check::stream(dialect, chat, input.data, &input.pieces())),
        2 if input.cut.is_multiple_of(2) => drop(check::body(dialect, chat, input.data)),
        2 => {
            let Some((body, events)) = both_forms(input.data) else { return };
            let (told, stream) = (whole(dialect, chat, body.as_bytes()), streamed(dialect, chat, &[events.as_bytes()]));
            assert_eq!(told.error.is_none(), stream.error.is_none(), "{told:?} {stream:?}");
            if told.error.is_none() {
                check::same(chat, &serde_json::from_str(told.text()).unwrap(), &stream);
            }
        }
        _ => check::error(dialect, chat, input.data, input.cut),
    }
}

/// A message, and the events that a server would have said it in; none if it is not one of the blocks that we know.
fn both_forms(data: &[u8]) -> Option<(String, String)> {
    let message: Value = serde_json::from_slice(data).ok()?;
    let (content, stop) = (message["content"].as_array()?, message["stop_reason"].as_str()?);
    let mut start = message.clone();
    (start["content"], start["stop_reason"]) = (json!([]), Value::Null);
    let mut events = vec![json!({"type": "message_start", "message": start})];
    for (index, block) in content.iter().enumerate() {
        let (start, deltas) = pieces(block)?;
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        events.extend(
            deltas.into_iter().map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": message["usage"]}));
    events.push(json!({"type": "message_stop"}));
    Some((message.to_string(), events.iter().map(|event| format!("data: {event}\n\n")).collect()))
}

fn pieces(block: &Value) -> Option<(Value, Vec<Value>)> {
    let text = |field: &str| block[field].as_str();
    let mut start = block.clone();
    let deltas = match text("type")? {
        "text" => {
            start["text"] = json!("");
            let citations = start.as_object_mut()?.remove("citations");
            let mut deltas = vec![json!({"type": "text_delta", "text": text("text")?})];
            match citations {
                None | Some(Value::Null) => {}
                Some(list) => deltas.extend(
                    list.as_array()?.iter().map(|citation| json!({"type": "citations_delta", "citation": citation})),
                ),
            }
            deltas
        }
        "thinking" => {
            (start["thinking"], start["signature"]) = (json!(""), json!(""));
            vec![
                json!({"type": "thinking_delta", "thinking": text("thinking")?}),
                json!({"type": "signature_delta", "signature": text("signature")?}),
            ]
        }
        "tool_use" => {
            text("id").and(text("name"))?;
            let input = block["input"].as_object()?;
            start["input"] = json!({});
            vec![json!({"type": "input_json_delta", "partial_json": Value::from(input.clone()).to_string()})]
        }
        "redacted_thinking" => {
            text("data")?;
            Vec::new()
        }
        _ => return None,
    };
    Some((start, deltas))
}
