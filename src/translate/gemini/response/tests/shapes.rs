//! Answers of the wrong shape, and where each kind of ending leads.

use serde_json::{Value, json};

use super::{streamed, whole};
use crate::translate::decode::fold::fold;

fn code(body: &str) -> (u16, String) {
    let error = whole(body).unwrap_err();
    assert!(!error.message().contains("10.0.0.1"));
    (error.status().as_u16(), error.code().unwrap_or_default().to_owned())
}

fn answer(body: &Value) -> Value {
    serde_json::from_str(&whole(&body.to_string()).unwrap()).unwrap()
}

#[test]
fn what_cannot_be_read_is_a_502_and_is_never_shown() {
    for body in [
        "",
        "<html>10.0.0.1</html>",
        "null",
        "\"10.0.0.1\"",
        r#"{"candidates":"10.0.0.1"}"#,
        r#"{"candidates":[7]}"#,
        r#"{"candidates":[{"content":{"parts":"10.0.0.1"}}]}"#,
        r#"{"candidates":[{"content":{"parts":[7]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":7}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":7}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"a"}}]}}]}"#,
        r#"{"candidates":[{"finishReason":7}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"half"}]}}]}"#,
    ] {
        assert_eq!(code(body), (502, "upstream_error".to_owned()), "{body}");
        let (out, error) = streamed([format!("data: {body}\n\n").as_bytes()], false);
        let expected = if body.is_empty() { "upstream_empty_response" } else { "upstream_error" };
        assert_eq!(error.unwrap().code(), Some(expected), "{body}");
        assert!(!out.contains("10.0.0.1") && !out.contains("[DONE]"));
    }
}

#[test]
fn nothing_at_all_is_worth_another_try() {
    for body in ["{}", "[]", r#"{"candidates":[]}"#, r#"{"candidates":[{"content":{}}]}"#, r#"{"promptFeedback":{}}"#] {
        assert_eq!(code(body), (502, "upstream_empty_response".to_owned()), "{body}");
    }
    let failed = r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"print(10.0.0.1)"}]}"#;
    assert_eq!(code(failed), (502, "upstream_malformed_output".to_owned()));
}

#[test]
fn an_error_in_a_200_has_the_status_of_its_code() {
    let error = r#"{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}"#;
    for body in [error.to_owned(), format!("[{error}]")] {
        assert_eq!(code(&body), (503, "server_is_overloaded".to_owned()));
        let (out, _) = streamed([format!("data: {body}\n\n").as_bytes()], false);
        assert!(out.starts_with("data: {\"error\":"));
    }
}

#[test]
fn endings() {
    let ends = |finish: &str, parts: Value| {
        let candidate = json!({"finishReason": finish, "content": {"parts": parts}, "finishMessage": "why"});
        let choice = answer(&json!({"candidates": [candidate]}))["choices"][0].take();
        json!([choice["finish_reason"], choice["native_finish_reason"], choice["message"]["refusal"]])
    };
    let call = json!([{"functionCall": {"name": "f"}}]);
    assert_eq!(ends("STOP", json!([{"text": "a"}])), json!(["stop", null, null]));
    assert_eq!(ends("STOP", call.clone()), json!(["tool_calls", null, null]));
    assert_eq!(ends("MAX_TOKENS", call.clone()), json!(["length", null, null]));
    assert_eq!(ends("MAX_TOKENS", json!([])), json!(["length", null, null]));
    assert_eq!(ends("SAFETY", Value::Null), json!(["content_filter", "SAFETY", "why"]));
    assert_eq!(ends("MALFORMED_FUNCTION_CALL", call), json!(["stop", "MALFORMED_FUNCTION_CALL", null]));
    assert_eq!(ends("NEW", json!([])), json!(["stop", "NEW", null]));
}

#[test]
fn a_call_without_arguments_has_none_and_made_up_ids_differ() {
    let calls = json!([{"functionCall": {"name": "f"}}, {"functionCall": {"name": "f", "args": {}}}]);
    let answer = answer(&json!({"candidates": [{"finishReason": "STOP", "content": {"parts": calls}}]}));
    let calls = &answer["choices"][0]["message"]["tool_calls"];
    assert_eq!(
        calls[0],
        json!({"id": "<generated-1>", "type": "function", "function": {"name": "f", "arguments": "{}"}})
    );
    assert_eq!(calls[1]["id"], "<generated-2>");
    assert_ne!(crate::chat::random("call_"), crate::chat::random("call_"));
}

#[test]
fn sources_with_a_url_are_told() {
    let cite = |text: &str| {
        let citations = json!([{"startIndex": 1, "endIndex": 3, "uri": "https://e.test/"}, {"title": "no url"}]);
        let candidate = json!({"finishReason": "STOP", "content": {"parts": [{"text": text}]},
            "citationMetadata": {"citations": citations}});
        answer(&json!({"candidates": [candidate]}))["choices"][0]["message"]["annotations"].take()
    };
    let citation = |start: u64, end: u64| {
        json!([{"type": "url_citation", "url_citation":
            {"start_index": start, "end_index": end, "title": "", "url": "https://e.test/"}}])
    };
    assert_eq!(cite("abcde"), citation(1, 3));
    assert_eq!(cite("äbcde"), citation(0, 5), "bytes are no characters here");
}

#[test]
fn the_tier_that_served_stands_in_a_header() {
    use super::{GeminiDecoder, Scrub, head, primed};
    use crate::chat::MessageWriter;
    use crate::translate::Decode;

    for (theirs, ours) in
        [("standard", json!("default")), ("flex", json!("flex")), ("priority", json!("priority")), ("new", Value::Null)]
    {
        let mut decoder = GeminiDecoder::new(primed(), Scrub::default());
        let mut writer = MessageWriter::new(head(), crate::usage::UsageCell::new());
        decoder.head(&[("x-gemini-service-tier".parse().unwrap(), theirs.parse().unwrap())].into_iter().collect());
        decoder.whole(r#"{"candidates":[{"finishReason":"STOP"}]}"#.into(), &mut writer).unwrap();
        let answer: Value = serde_json::from_slice(&writer.take().unwrap()).unwrap();
        assert_eq!(answer["service_tier"], ours);
    }
}

#[test]
fn pages_that_a_search_found_are_told_once_with_their_segments() {
    let chunks = json!([{"web": {"uri": "https://a.test/", "title": "A"}}, {"retrievedContext": {}}, {"web": {"uri": "https://b.test/"}}]);
    let supports = json!([{"segment": {"endIndex": 2}, "groundingChunkIndices": [0, 1, 9]},
        {"segment": {"startIndex": 2, "endIndex": 4}, "groundingChunkIndices": [2, "x"]}]);
    let told = |grounding: &Value| {
        let frame = |text: &str, finish: Value| {
            let candidate =
                json!({"content": {"parts": [{"text": text}]}, "finishReason": finish, "groundingMetadata": grounding});
            format!("data: {}\n\n", json!({"candidates": [candidate]}))
        };
        let stream = frame("ab", Value::Null) + &frame("cd", json!("STOP"));
        let folded = crate::translate::decode::fold::fold(&streamed([stream.as_bytes()], false).0).0;
        let annotations = folded["message"]["annotations"].as_array().cloned().unwrap_or_default();
        let cited = annotations.iter().map(|annotation| &annotation["url_citation"]);
        json!(
            cited.map(|one| json!([one["url"], one["title"], one["start_index"], one["end_index"]])).collect::<Value>()
        )
    };
    let grounding = json!({"groundingChunks": chunks, "groundingSupports": supports, "webSearchQueries": ["q"]});
    assert_eq!(told(&grounding), json!([["https://a.test/", "A", 0, 2], ["https://b.test/", "", 2, 4]]));
    let whole = json!({"groundingChunks": chunks});
    assert_eq!(told(&whole), json!([["https://a.test/", "A", 0, 4], ["https://b.test/", "", 0, 4]]));
    assert_eq!(told(&json!({"groundingSupports": 7, "groundingChunks": [7]})), json!([]));
}

fn stream(frames: &[Value]) -> String {
    frames.iter().map(|frame| format!("data: {frame}\n\n")).collect()
}

fn said(part: Value) -> Value {
    json!({"candidates": [{"content": {"parts": [part]}}]})
}

fn stopped() -> Value {
    json!({"candidates": [{"finishReason": "STOP"}]})
}

#[test]
fn what_was_counted_once_stays_counted() {
    let usage = json!({"promptTokenCount": 5, "candidatesTokenCount": 1});
    let mut first = said(json!({"text": "a"}));
    first["usageMetadata"] = usage;
    let mut last = stopped();
    last["usageMetadata"] = json!({"candidatesTokenCount": 9});
    let more = said(json!({"text": "b"}));
    let (out, _) = streamed([stream(&[first, more.clone(), more.clone(), more, last]).as_bytes()], true);
    assert_eq!(fold(&out).0["usage"]["prompt_tokens"], 5);
    assert_eq!(fold(&out).0["usage"]["completion_tokens"], 9);
}

#[test]
fn every_count_may_grow_with_the_text() {
    let frame = |by: u64| {
        let mut frame = said(json!({"text": "a"}));
        frame["usageMetadata"] = json!({"promptTokenCount": 10 + by, "toolUsePromptTokenCount": 20 + by,
            "cachedContentTokenCount": 2 + by, "candidatesTokenCount": 30 + by, "thoughtsTokenCount": 40 + by,
            "totalTokenCount": 100 + 4 * by});
        frame
    };
    let (out, _) = streamed([stream(&[frame(0), frame(1), frame(2), frame(3), stopped()]).as_bytes()], true);
    let usage = &fold(&out).0["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(13 + 23), &json!(33 + 43)));
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 5);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 43);
}

#[test]
fn each_signature_is_told_whatever_stands_beside_it() {
    let signed = |text: &str| said(json!({"text": text, "thoughtSignature": "c2ln"}));
    let frames = [signed("a"), signed("b"), signed("c"), stopped()];
    let (out, _) = streamed([stream(&frames).as_bytes()], false);
    assert_eq!((out.matches("c2ln").count(), &fold(&out).0["message"]["content"]), (3, &json!("abc")));
}

#[test]
fn thoughts_and_text_may_alternate_without_end_and_calls_may_not() {
    let turn = |at: usize| said(json!({"text": "x", "thought": at.is_multiple_of(2)}));
    let frames: Vec<Value> = (0..2_100).map(turn).chain([stopped()]).collect();
    let (out, error) = streamed([stream(&frames).as_bytes()], false);
    assert!(error.is_none());
    assert_eq!(fold(&out).0["message"]["content"], "x".repeat(1_050));
    for (count, code) in [(1_024, None), (1_025, Some("upstream_error"))] {
        let call = said(json!({"functionCall": {"name": "f"}}));
        let frames: Vec<Value> = std::iter::repeat_n(call, count).chain([stopped()]).collect();
        let (_, error) = streamed([stream(&frames).as_bytes()], false);
        assert_eq!(error.as_ref().and_then(|error| error.code()), code, "{count}");
    }
}

#[test]
fn an_answer_keeps_its_first_name() {
    let named = |id: &str, mut frame: Value| {
        frame["responseId"] = id.into();
        frame
    };
    let counted = json!({"usageMetadata": {"promptTokenCount": 5}});
    let frames = [named("first", counted), named("second", said(json!({"text": "a"}))), named("third", stopped())];
    assert_eq!(fold(&streamed([stream(&frames).as_bytes()], false).0).0["id"], "first");
}
