//! Streams cut anywhere say the same, and broken ones say so.

use super::golden::answers;
use super::streamed;
use crate::translate::bedrock::event_stream::write::event;

#[test]
fn any_split() {
    for (path, stream) in answers("eventstream") {
        let expected = streamed([&*stream], true).0;
        assert_eq!(streamed(stream.chunks(1), true).0, expected, "{} byte by byte", path.display());
        for cut in 0..=stream.len() {
            let (before, after) = stream.split_at(cut);
            assert_eq!(streamed([before, after], true).0, expected, "{} cut at {cut}", path.display());
        }
    }
}

#[test]
fn a_stream_that_breaks_off_says_so() {
    for (path, stream) in answers("eventstream") {
        let whole = streamed([&*stream], true);
        if whole.1.is_some() {
            continue;
        }
        let stop = stream.windows(11).position(|window| window == b"messageStop").unwrap();
        for end in 0..stop {
            let (out, error) = streamed([&stream[..end]], true);
            assert_eq!(error.unwrap().code(), Some("upstream_error"), "{} cut at {end}", path.display());
            assert!(!out.contains("[DONE]") && whole.0.starts_with(out.rsplit_once("data: {\"error\"").unwrap().0));
        }
    }
}

#[test]
fn a_flipped_bit_ends_the_stream() {
    for (_, stream) in answers("eventstream") {
        let whole = streamed([&*stream], true).0;
        for byte in (0..stream.len()).step_by(7) {
            let mut broken = stream.clone();
            broken[byte] ^= 0x10;
            let (out, error) = streamed([&*broken], true);
            assert!(error.is_some() && !out.contains("[DONE]"));
            let told = out.rsplit_once("data: {\"error\"").unwrap().0;
            assert!(whole.starts_with(told), "nothing of the broken frame is told");
        }
    }
}

#[test]
fn what_is_unknown_is_passed_over() {
    let stream = [
        event("messageStart", r#"{"role":"assistant","p":"abc"}"#),
        event("somethingNew", r#"{"a":1}"#),
        event("contentBlockStart", r#"{"contentBlockIndex":0,"start":{}}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"image":{}}}"#),
        event("contentBlockStop", r#"{"contentBlockIndex":7}"#),
        event("messageStop", r#"{"stopReason":"end_turn"}"#),
    ]
    .concat();
    let (out, error) = streamed([&*stream], false);
    assert!(error.is_none() && out.contains(r#"{"content":"Hi"}"#) && out.ends_with("data: [DONE]\n\n"));
}
