//! Answers in Gemini's protocol.

use bytes::Bytes;

const TAIL: &str = r#""totalTokenCount":1005,"promptTokensDetails":[{"modality":"TEXT","tokenCount":5}]},"modelVersion":"gemini-bench","responseId":"bench""#;

/// A streamed answer, one event a token, all in one piece. Gemini says usage, model and id in each.
pub(crate) fn stream(events: usize) -> Bytes {
    let mut out = String::new();
    for at in 0..events {
        let content = format!(r#"{{"parts":[{{"text":"tok{at:05} lorem"}}],"role":"model"}}"#);
        let usage = format!(r#"{{"promptTokenCount":5,"candidatesTokenCount":{at},{TAIL}"#);
        out.push_str(&format!(
            "data: {{\"candidates\":[{{\"content\":{content},\"index\":0}}],\"usageMetadata\":{usage}}}\r\n\r\n"
        ));
    }
    out.push_str(&format!(
        "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"\"}}],\"role\":\"model\"}},\"finishReason\":\"STOP\",\"index\":0}}],\
         \"usageMetadata\":{{\"promptTokenCount\":5,\"candidatesTokenCount\":1000,{TAIL}}}\r\n\r\n"
    ));
    out.into()
}

/// A whole answer.
pub(crate) fn answer() -> Bytes {
    let text = super::WORDS.repeat(6);
    format!(
        r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}],"role":"model"}},"finishReason":"STOP","index":0}}],"usageMetadata":{{"promptTokenCount":5,"candidatesTokenCount":100,{TAIL}}}"#
    )
    .into()
}
