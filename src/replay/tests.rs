//! The layer over a service that says what it is told to, cut anywhere.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tower::{Layer, ServiceExt, service_fn};

use super::*;
use crate::auth::Principal;
use crate::chat::ChatRequest;

/// Asks as a caller, and hears this answer in these frames. What went to the service, and the frames that came back.
async fn ask(
    layer: &SignatureLayer<MemorySignatures>,
    caller: Option<&str>,
    request: &str,
    answer: (&'static str, Vec<Bytes>),
) -> (Bytes, Vec<Bytes>) {
    let sent = Arc::new(Mutex::new(Bytes::new()));
    let service = service_fn(|request: Request<ChatRequest>| {
        *sent.lock().unwrap() = request.body().to_bytes();
        let frames = answer.1.clone().into_iter().map(|data| Ok::<_, Infallible>(Frame::data(data)));
        let response = Response::builder().header("content-type", answer.0);
        let response = response.body(StreamBody::new(tokio_stream::iter(frames))).unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let mut request = Request::new(ChatRequest::from_bytes(request.to_owned()).unwrap());
    if let Some(caller) = caller {
        request.extensions_mut().insert(Principal::new(caller));
    }
    let mut body = layer.layer(service).oneshot(request).await.unwrap().into_body();
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        frames.push(frame.unwrap().into_data().unwrap());
    }
    let sent = sent.lock().unwrap().clone();
    (sent, frames)
}

fn layer() -> (SignatureLayer<MemorySignatures>, MemorySignatures) {
    let store = MemorySignatures::new();
    (SignatureLayer::new(store.clone()), store)
}

const FIRST: &str = r#"{"model":"m","messages":[{"role":"user","content":"What time?"}]}"#;
const DETAILS: &str = r#"[{"type":"reasoning.text","text":"a\u00e9\"b","signature":"Eq/Q=","format":"anthropic-claude-v1","index":0},{"type":"reasoning.encrypted","data":"x","format":"anthropic-claude-v1","index":1}]"#;

/// A whole answer whose message has these fields beside its role, in one frame.
fn whole(message: &str) -> (&'static str, Vec<Bytes>) {
    let answer =
        format!(r#"{{"choices":[{{"index":0,"message":{{"role":"assistant",{message}}},"finish_reason":"stop"}}]}}"#);
    ("application/json", vec![answer.into()])
}

fn calls(ids: &[&str]) -> String {
    let call = |id: &&str| format!(r#"{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}"#);
    ids.iter().map(call).collect::<Vec<_>>().join(",")
}

/// A stream of these deltas, which ends as it should.
fn stream(deltas: &[&str]) -> String {
    let event = |delta: &str, finish: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n")
    };
    let deltas: String = deltas.iter().map(|delta| event(delta, "null")).collect();
    format!("{deltas}{}data: [DONE]\n\n", event("{}", "\"stop\""))
}

/// The request that follows, with an assistant message of these fields and white space of the client's own.
fn second(message: &str) -> String {
    FIRST.replace(
        "}]}",
        &format!("}} ,\n{{ \"role\" : \"assistant\",{message} }}, {{\"role\":\"user\",\"content\":\"é?\"}}]}}"),
    )
}

/// What is sent for a message of these fields.
async fn sent(layer: &SignatureLayer<MemorySignatures>, caller: Option<&str>, message: &str) -> String {
    let (sent, _) = ask(layer, caller, &second(message), whole(r#""content":"""#)).await;
    String::from_utf8(sent.to_vec()).unwrap()
}

#[tokio::test]
async fn a_turn_with_calls_gets_its_reasoning_back_and_nothing_else_changes() {
    let (layer, _) = layer();
    let (calls, fewer) = (calls(&["call_1", "call_2"]), calls(&["call_1"]));
    let answer = format!(r#""content":"Wait.","reasoning_details":{DETAILS},"tool_calls":[{calls}]"#);
    ask(&layer, Some("alice"), FIRST, whole(&answer)).await;
    for message in [
        format!(r#""content":null,"tool_calls":[{calls}]"#),
        format!(r#""tool_calls":[{fewer}],"reasoning_content":"","x":1e400"#),
    ] {
        let expected = format!(r#"{message},"reasoning_details":{DETAILS}"#);
        for _ in 0..2 {
            assert_eq!(sent(&layer, Some("alice"), &message).await, second(&expected));
        }
    }
    let empty = format!(r#""reasoning_details": [ ],"tool_calls":[{calls}]"#);
    assert_eq!(sent(&layer, Some("alice"), &empty).await, second(&empty.replace("[ ]", DETAILS)));
}

#[tokio::test]
async fn a_turn_without_calls_is_known_by_what_it_says() {
    let (layer, store) = layer();
    ask(&layer, None, FIRST, whole(&format!(r#""content":"It is\nnoon.","reasoning_details":{DETAILS}"#))).await;
    assert_eq!(store.len(), 1);
    for content in [r#""content":"It is\u000anoon.""#, r#""content":[{"type":"text","text":"It is\nnoon."}]"#] {
        let expected = format!(r#"{content},"reasoning_details":{DETAILS}"#);
        assert_eq!(sent(&layer, None, content).await, second(&expected));
    }
    for content in [r#""content":"It is noon.""#, r#""content":"""#] {
        assert_eq!(sent(&layer, None, content).await, second(content));
    }
    let other = second(r#""content":"It is\nnoon.""#).replace("What time?", "What else?");
    assert_eq!(ask(&layer, None, &other, whole(r#""content":"""#)).await.0, other);
}

#[tokio::test]
async fn no_caller_sees_what_another_one_got() {
    let (layer, _) = layer();
    let message = format!(r#""tool_calls":[{}]"#, calls(&["call_1"]));
    let text = r#""content":"Noon.""#;
    for answer in [&message[..], text] {
        let answer = format!(r#"{answer},"reasoning_details":{DETAILS}"#);
        ask(&layer, Some("alice"), FIRST, whole(&answer)).await;
    }
    for message in [&message[..], text] {
        assert_ne!(sent(&layer, Some("alice"), message).await, second(message));
        for other in [Some("bob"), Some("alic"), Some(""), None] {
            assert_eq!(sent(&layer, other, message).await, second(message), "{other:?}");
        }
    }
}

#[tokio::test]
async fn a_message_with_reasoning_of_any_kind_is_left_alone() {
    let (layer, _) = layer();
    let answer = format!(r#""reasoning_details":{DETAILS},"tool_calls":[{}]"#, calls(&["call_1"]));
    ask(&layer, None, FIRST, whole(&answer)).await;
    let plain = calls(&["call_1"]);
    let extra = plain.replace("\"type\"", r#""extra_content":{"google":{"thought_signature":"s"}},"type""#);
    for message in [
        format!(r#""tool_calls":[{plain}],"reasoning_content":"a""#),
        format!(r#""tool_calls":[{plain}],"reasoning":"a""#),
        format!(r#""tool_calls":[{plain}],"reasoning_details":[{{"type":"reasoning.text","text":"a"}}]"#),
        format!(r#""tool_calls":[{plain}],"thinking_blocks":[{{}}]"#),
        format!(r#""tool_calls":[{plain}],"reasoning_signature":"s""#),
        format!(r#""tool_calls":[{extra}]"#),
    ] {
        assert_eq!(sent(&layer, None, &message).await, second(&message));
    }
    let user = second(&format!(r#""tool_calls":[{plain}]"#)).replace(r#""assistant""#, r#""user""#);
    assert_eq!(ask(&layer, None, &user, whole(r#""content":"""#)).await.0, user);
}

#[tokio::test]
async fn a_stream_gives_the_same_wherever_it_is_cut() {
    let start = r#"{"role":"assistant","content":""}"#;
    let reasoning = [
        r#"{"reasoning_content":"aé","reasoning_details":[{"type":"reasoning.text","text":"a\u00e9\"","format":"anthropic-claude-v1","index":0}]}"#,
        r#"{"reasoning_details":[{"type":"reasoning.text","text":"b","index":0}]}"#,
        r#"{"reasoning_details":[{"type":"reasoning.text","signature":"Eq/Q=","index":0}]}"#,
        r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"x","format":"anthropic-claude-v1","index":1}]}"#,
    ];
    let calls_of = [
        r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#,
        r#"{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"f","arguments":"{}"}}]}"#,
    ];
    let says = [r#"{"content":"It "}"#, r#"{"content":"is "}"#, r#"{"content":"n\u006fon"}"#, r#"{"content":"."}"#];
    let with_calls = stream(&[&[start], &reasoning[..], &calls_of[..]].concat());
    let with_text = stream(&[&[start], &reasoning[..], &says[..]].concat());
    for (answer, message) in [
        (with_calls, format!(r#""tool_calls":[{}]"#, calls(&["call_1", "call_2"]))),
        (with_text, r#""content":"It is noon.""#.to_owned()),
    ] {
        let expected = second(&format!(r#"{message},"reasoning_details":{DETAILS}"#));
        for cut in 0..=answer.len() {
            let (layer, _) = layer();
            let (head, tail) = answer.as_bytes().split_at(cut);
            let frames = vec![Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)];
            let (_, got) = ask(&layer, None, FIRST, ("text/event-stream", frames.clone())).await;
            assert!(got.iter().zip(&frames).all(|(a, b)| a.as_ptr() == b.as_ptr()), "the frames are passed on");
            assert_eq!(sent(&layer, None, &message).await, expected, "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn it_is_there_before_the_client_has_the_end() {
    let (layer, store) = layer();
    let answer = stream(&[&format!(r#"{{"content":"Noon.","reasoning_details":{DETAILS}}}"#)]);
    let end = answer.find("data: [DONE]").unwrap();
    let frames = [Bytes::copy_from_slice(&answer.as_bytes()[..end]), Bytes::from_static(b"data: [DONE]\n\n")];
    let service = service_fn(|_: Request<ChatRequest>| {
        let frames = frames.clone().into_iter().map(|data| Ok::<_, Infallible>(Frame::data(data)));
        let response = Response::builder().header("content-type", "text/event-stream");
        let response = response.body(StreamBody::new(tokio_stream::iter(frames))).unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let chat = ChatRequest::from_bytes(FIRST).unwrap();
    let mut body = layer.layer(service).oneshot(Request::new(chat)).await.unwrap().into_body();
    assert!(store.is_empty());
    body.frame().await.unwrap().unwrap();
    assert_eq!(store.len(), 1);
    drop(body);
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn googles_signatures_go_back_to_their_calls() {
    let extra = r#"{"google":{"thought_signature":"CiQB=="}}"#;
    let call = |extra: &str| {
        let signed = format!(r#"{{"id":"call_1","extra_content":{extra},"function":{{"name":"f","arguments":""}}}}"#);
        format!(r#""tool_calls":[{},{signed}]"#, calls(&["call_0"]))
    };
    let plain = format!(r#""tool_calls":[{}]"#, calls(&["call_0", "call_1"]));
    let expected =
        plain.replace(r#""arguments":"{}"}}]"#, &format!(r#""arguments":"{{}}"}},"extra_content":{extra}}}]"#));
    let streamed = stream(&[
        r#"{"tool_calls":[{"index":0,"id":"call_0","function":{"name":"f","arguments":"{}"}}]}"#,
        r#"{"tool_calls":[{"index":1,"id":"call_1","function":{"name":"f","arguments":""}}]}"#,
        &format!(r#"{{"tool_calls":[{{"index":1,"extra_content":{extra}}}]}}"#),
    ]);
    for answer in [whole(&call(extra)), ("text/event-stream", vec![streamed.into()])] {
        let (layer, _) = layer();
        ask(&layer, None, FIRST, answer).await;
        assert_eq!(sent(&layer, None, &plain).await, second(&expected));
    }
    let (layer, store) = layer();
    ask(&layer, None, FIRST, whole(&call(r#"{"google":{}}"#))).await;
    assert!(store.is_empty());
}

#[tokio::test]
async fn only_what_is_signed_and_finished_is_kept() {
    let (layer, store) = layer();
    let signed = format!(r#"{{"content":"a","reasoning_details":{DETAILS}}}"#);
    let finished = stream(&[&signed]);
    let broken = finished[..finished.find("data: {\"choices\":[{\"index\":0,\"delta\":{},").unwrap()].to_owned();
    let failed = format!("{broken}data: {{\"error\":{{\"message\":\"no\"}}}}\n\n");
    let long = format!(r#"{{"reasoning_details":[{{"data":"{}"}}]}}"#, "x".repeat(5 << 20));
    for (content_type, body) in [
        ("text/event-stream", stream(&[r#"{"content":"a","reasoning_content":"b"}"#])),
        ("text/event-stream", broken),
        ("text/event-stream", failed),
        ("text/event-stream", stream(&[&long])),
        ("text/event-stream", "data: <html>\n\n".to_owned()),
        ("application/json", "{".to_owned()),
        ("application/json", r#"{"error":{"message":"no"}}"#.to_owned()),
        ("application/json", format!(r#"{{"choices":[{{"message":{signed}}}]}}"#)),
        ("text/html", format!(r#"{{"choices":[{{"message":{signed},"finish_reason":"stop"}}]}}"#)),
    ] {
        ask(&layer, None, FIRST, (content_type, vec![body.into()])).await;
        assert!(store.is_empty());
    }
    ask(&layer, None, FIRST, ("text/event-stream", vec![finished.into()])).await;
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn each_choice_is_a_turn() {
    let (layer, store) = layer();
    let choice = |index: u32, delta: &str, finish: &str| {
        format!(r#"{{"index":{index},"delta":{delta},"finish_reason":{finish}}}"#)
    };
    let event = |choices: String| format!("data: {{\"choices\":[{choices}]}}\n\n");
    let detail = |data: &str| format!(r#"{{"reasoning_details":[{{"type":"reasoning.encrypted","data":"{data}"}}]}}"#);
    let answer = [
        event(choice(0, &detail("zero"), "null")),
        event(choice(1, &detail("one"), "null")),
        event(format!("{},{}", choice(0, r#"{"content":"A"}"#, "null"), choice(1, r#"{"content":"B"}"#, "null"))),
        event(format!("{},{}", choice(0, r#"{"content":"A"}"#, "null"), choice(1, r#"{"content":"C"}"#, "null"))),
        event(choice(1, r#"{"content":"D"}"#, "null")),
        event(choice(1, r#"{"content":"E"}"#, "\"stop\"")),
        event(choice(0, "{}", "\"stop\"")),
    ];
    ask(&layer, None, FIRST, ("text/event-stream", answer.into_iter().map(Bytes::from).collect())).await;
    assert_eq!(store.len(), 2);
    assert!(sent(&layer, None, r#""content":"AA""#).await.contains(r#""data":"zero""#));
    assert!(sent(&layer, None, r#""content":"BCDE""#).await.contains(r#""data":"one""#));
}

#[tokio::test]
async fn a_request_without_gaps_or_without_a_find_is_the_same_allocation() {
    let (layer, _) = layer();
    for request in [FIRST.to_owned(), second(r#""content":"Noon.""#)] {
        let chat = ChatRequest::from_bytes(request).unwrap().with_model("other");
        let bytes = chat.to_bytes();
        let service = service_fn(|request: Request<ChatRequest>| {
            assert_eq!((request.body().model(), request.body().to_bytes()), ("other", bytes.clone()));
            assert_eq!(request.body().get("model").unwrap().text(), r#""m""#);
            async { Ok::<_, Infallible>(Response::new(String::new())) }
        });
        layer.layer(service).oneshot(Request::new(chat)).await.unwrap();
    }
}

/// A place of the host's own, which has garbage in it, or is gone.
struct Odd(Vec<Option<Bytes>>);

impl SignatureStore for Odd {
    async fn get(&self, _: Vec<TurnKey>) -> Vec<Option<Bytes>> {
        tokio::task::yield_now().await;
        self.0.clone()
    }

    fn put(&self, _: TurnKey, _: Bytes) {}
}

#[tokio::test]
async fn what_a_store_gives_is_not_trusted() {
    let request = second(r#""content":"Noon.""#);
    let deep = format!(r#"{{"reasoning_details":{}{}}}"#, "[".repeat(126), "]".repeat(126));
    for kept in ["{", "[]", r#"{"reasoning_details":{}}"#, r#"{"extra_content":{"a":1}}"#, &deep] {
        for found in [vec![Some(Bytes::copy_from_slice(kept.as_bytes()))], vec![], vec![None, None]] {
            let service = service_fn(|sent: Request<ChatRequest>| {
                assert_eq!(sent.body().to_bytes(), request, "{kept:.40}");
                async { Ok::<_, Infallible>(Response::new(String::new())) }
            });
            let chat = ChatRequest::from_bytes(request.clone()).unwrap();
            SignatureLayer::new(Odd(found)).layer(service).oneshot(Request::new(chat)).await.unwrap();
        }
    }
}
