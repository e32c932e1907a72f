//! Answers in the protocol of Bedrock's Converse.

use bytes::Bytes;

/// A streamed answer, one event a token, all in one piece: binary frames, with padding as AWS sends it.
pub(crate) fn stream(events: usize) -> Bytes {
    let mut out = frame("messageStart", r#"{"p":"abcdefgh","role":"assistant"}"#);
    for at in 0..events {
        let delta = format!(
            r#"{{"contentBlockIndex":0,"delta":{{"text":"tok{at:05} lorem"}},"p":"abcdefghijklmnopqrstuvwxyzABCDEF"}}"#
        );
        out.extend(frame("contentBlockDelta", &delta));
    }
    out.extend(frame("contentBlockStop", r#"{"contentBlockIndex":0,"p":"abcdefghijkl"}"#));
    out.extend(frame("messageStop", r#"{"p":"abcdefghijklmn","stopReason":"end_turn"}"#));
    out.extend(frame(
        "metadata",
        r#"{"metrics":{"latencyMs":907},"p":"abc","usage":{"inputTokens":5,"outputTokens":1000,"totalTokens":1005}}"#,
    ));
    out.into()
}

/// A whole answer.
pub(crate) fn answer() -> Bytes {
    let text = super::WORDS.repeat(6);
    format!(
        r#"{{"metrics":{{"latencyMs":907}},"output":{{"message":{{"content":[{{"text":"{text}"}}],"role":"assistant"}}}},"stopReason":"end_turn","usage":{{"inputTokens":5,"outputTokens":100,"totalTokens":105}}}}"#
    )
    .into()
}

fn frame(event: &str, payload: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":event-type", event), (":content-type", "application/json"), (":message-type", "event")] {
        headers.push(name.len() as u8);
        headers.extend(name.as_bytes());
        headers.push(7);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let total = (16 + headers.len() + payload.len()) as u32;
    let mut frame = [total.to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(payload.as_bytes());
    frame.extend(crc32(&frame).to_be_bytes());
    frame
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xedb8_8320 })
    })
}
