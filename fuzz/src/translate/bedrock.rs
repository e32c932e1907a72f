//! Bedrock's answers. The stream is text here, a line for each event: its name, a space and its payload.

use serde_json::{Value, json};

use super::check;
use super::frames::{event, exception};
use super::told::{streamed, whole};
use crate::input::pieces;
use crate::{Input, requests};

/// Cut anywhere; whole; and one message in both forms, which is the same answer.
pub fn bedrock(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let (dialect, requests) = (requests::bedrock(), requests::requests());
    // A structured answer is not for the model of these requests.
    let chat = &requests[[0, 1, 3][input.pick / 4 % 3]];
    match input.pick % 4 {
        0 | 1 => {
            let frames = framed(input.data);
            drop(check::stream(dialect, chat, &frames, &pieces(&frames, input.cut)));
        }
        2 if input.cut.is_multiple_of(2) => drop(check::body(dialect, chat, input.data)),
        2 => {
            let Some((body, frames)) = both_forms(input.data) else { return };
            let (told, stream) = (whole(dialect, chat, body.as_bytes()), streamed(dialect, chat, &[&frames]));
            assert_eq!(told.error.is_none(), stream.error.is_none(), "{told:?} {stream:?}");
            if told.error.is_none() {
                check::same(chat, &serde_json::from_str(told.text()).unwrap(), &stream);
            }
        }
        _ => check::error(dialect, chat, input.data, input.cut),
    }
}

/// Lines as frames.
pub(crate) fn framed(lines: &[u8]) -> Vec<u8> {
    let mut frames = Vec::with_capacity(2 * lines.len());
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (name, payload) = (&line[..space], line.get(space + 1..).unwrap_or_default());
        match name.strip_prefix(b"!") {
            Some(name) => frames.extend(exception(name, payload)),
            None => frames.extend(event(name, payload)),
        }
    }
    frames
}

/// A message, and the frames that a server would have said it in; none if it is not one of the blocks that we know.
fn both_forms(data: &[u8]) -> Option<(String, Vec<u8>)> {
    let body: Value = serde_json::from_slice(data).ok()?;
    let (content, stop) = (body["output"]["message"]["content"].as_array()?, body["stopReason"].as_str()?);
    let mut frames = event(b"messageStart", br#"{"role":"assistant"}"#);
    let mut say = |name: &str, payload: Value| frames.extend(event(name.as_bytes(), payload.to_string().as_bytes()));
    for (index, block) in content.iter().enumerate() {
        let [(kind, inner)] = block.as_object()?.iter().collect::<Vec<_>>()[..] else { return None };
        let mut delta = |delta: Value| say("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}));
        match kind.as_str() {
            "text" => delta(json!({"text": inner.as_str()?})),
            "reasoningContent" => match &inner["reasoningText"] {
                Value::Object(text) => {
                    delta(json!({"reasoningContent": {"text": text.get("text")?.as_str()?}}));
                    if let Some(signature) = text.get("signature") {
                        delta(json!({"reasoningContent": {"signature": signature.as_str()?}}));
                    }
                }
                _ => delta(json!({"reasoningContent": {"redactedContent": inner["redactedContent"].as_str()?}})),
            },
            "toolUse" => {
                let (id, name) = (inner["toolUseId"].as_str()?, inner["name"].as_str()?);
                let start = json!({"toolUse": {"toolUseId": id, "name": name}});
                let input = Value::from(inner["input"].as_object()?.clone()).to_string();
                say("contentBlockStart", json!({"contentBlockIndex": index, "start": start}));
                let delta = json!({"toolUse": {"input": input}});
                say("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}));
            }
            _ => return None,
        }
        say("contentBlockStop", json!({"contentBlockIndex": index}));
    }
    say("messageStop", json!({"stopReason": stop}));
    let mut metadata = body.clone();
    metadata.as_object_mut()?.remove("output");
    metadata.as_object_mut()?.remove("stopReason");
    say("metadata", metadata);
    Some((body.to_string(), frames))
}
