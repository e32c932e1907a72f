//! Streams cut and dressed in any way say the same.

use super::golden::answers;
use super::{streamed, whole};
use crate::translate::decode::fold::{canonical, fold};

/// A stream with everything in it that a frame can hold.
const RICH: &str = concat!(
    r#"data: {"usageMetadata":{"trafficType":"ON_DEMAND"},"responseId":"r","modelVersion":"g"}"#,
    "\n\n",
    r#"data: {"candidates":[{"content":{"parts":[{"text":"hm 😀","thought":true}],"role":"model"},"index":0}]}"#,
    "\n\n",
    r#"data: {"candidates":[{"content":{"parts":[{"text":"so","thought":true},{"text":"A\u00e9\""}]}}]}"#,
    "\n\n",
    r#"data: {"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"VFQ="}]}}]}"#,
    "\n\n",
    r#"data: {"candidates":[{"content":{"parts":[{"functionCall":{"id":"f1","name":"f","args":{"a":[1.50,"é"]}},"thoughtSignature":"U0k="},{"functionCall":{"id":"f1","name":"f"}},{"functionCall":{"id":"f2","name":"patch","args":{"input":"x\ny"}}}]}}]}"#,
    "\n\n",
    r#"data: {"candidates":[{"content":{},"finishReason":"STOP"}]}"#,
    "\n\n",
    r#"data: {"candidates":[],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":7,"thoughtsTokenCount":5,"totalTokenCount":21}}"#,
    "\n\n",
);

fn streams() -> Vec<(String, String)> {
    let golden = answers("sse").into_iter().map(|(path, stream)| (path.display().to_string(), stream));
    golden.chain([("rich".to_owned(), RICH.to_owned())]).collect()
}

#[test]
fn any_split_and_any_line_ending() {
    for (name, stream) in streams() {
        let expected = streamed([stream.as_bytes()], true).0;
        for ending in ["\n", "\r\n", "\r"] {
            let stream = stream.replace('\n', ending);
            let bytes = stream.as_bytes();
            assert_eq!(streamed(bytes.chunks(1), true).0, expected, "{name} byte by byte");
            for cut in 0..=bytes.len() {
                let (before, after) = bytes.split_at(cut);
                assert_eq!(streamed([before, after], true).0, expected, "{name} cut at {cut}");
            }
        }
    }
}

#[test]
fn any_dressing() {
    for (name, stream) in streams() {
        let expected = streamed([stream.as_bytes()], true).0;
        let list: Vec<&str> =
            stream.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
        for dressed in [
            format!("\u{feff}{stream}"),
            format!(": hello\n\n{}", stream.replace("\n\n", "\n\n: ping\n\n\n")),
            stream.replace("data: {", "data: {\ndata: "),
            format!("data: [{}]\n\n", list.join(",")),
            format!("{stream}data: [DONE]\n\n"),
        ] {
            assert_eq!(streamed([dressed.as_bytes()], true).0, expected, "{name}");
        }
    }
}

#[test]
fn a_stream_that_came_as_a_list_is_the_same_answer() {
    let list: Vec<&str> = RICH.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    let whole: serde_json::Value = serde_json::from_str(&whole(&format!("[{}]", list.join(","))).unwrap()).unwrap();
    let (folded, _) = fold(&streamed([RICH.as_bytes()], true).0);
    assert_eq!(folded, canonical(&whole));
    let calls = &folded["message"]["tool_calls"];
    assert_eq!(calls[0]["extra_content"]["google"]["thought_signature"], "U0k=");
    assert_eq!(calls[1]["custom"]["input"], "x\ny");
    assert_eq!(calls.as_array().unwrap().len(), 2);
    assert_eq!(folded["finish_reason"], "tool_calls");
    assert_eq!(folded["usage"]["completion_tokens"], 12);
}

#[test]
fn a_stream_that_breaks_off_says_so() {
    let events: Vec<&str> = RICH.split_inclusive("\n\n").collect();
    for end in 1..events.len() - 2 {
        let (out, error) = streamed([events[..end].concat().as_bytes()], true);
        let code = error.unwrap().code().unwrap().to_owned();
        assert_eq!(code, if end == 1 { "upstream_empty_response" } else { "upstream_error" });
        assert!(!out.contains("[DONE]") && !out.contains("\"stop\""));
    }
}
