//! Streams: what a client gets for every kind of stream, and that it is the same however the bytes are cut.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use support::{
    Answered, DONE, STREAM, STREAM_WITH_USAGE, WHOLE, ask, bills, chunk, events, openai, post, read, says, stops,
};
use tower::{Layer, ServiceExt, service_fn};
use tower_completions::{ChatLayer, UsageSource};

/// What becomes of a stream.
enum Outcome {
    /// A 200 with exactly this, and an answer that counts as complete.
    Whole(String),
    /// A 200 with exactly this, and then an error event with this code.
    Event(String, &'static str),
    /// An error with this status and code.
    Status(u16, &'static str),
}

struct Case {
    name: &'static str,
    show_usage: bool,
    upstream: String,
    outcome: Outcome,
}

fn case(name: &'static str, upstream: impl Into<String>, outcome: Outcome) -> Case {
    Case { name, show_usage: false, upstream: upstream.into(), outcome }
}

fn same(name: &'static str, upstream: impl Into<String>) -> Case {
    let upstream = upstream.into();
    case(name, upstream.clone(), Outcome::Whole(upstream))
}

fn error(name: &'static str, json: &str) -> (&'static str, String) {
    (name, format!("data: {{\"error\":{json}}}\n\n"))
}

fn cases() -> Vec<Case> {
    let (hi, stop, usage) = (&says("Hi"), &stops(0), &bills());
    let broken = |prefix: &str| Outcome::Event(prefix.to_owned(), "upstream_error");
    let garbage = || Outcome::Status(502, "upstream_error");
    let fake = says("a\n\ndata: [DONE]\n\nb \u{2028}\u{2029}\u{85}\u{feff}🦀 \"error\":{}");
    let empty_first = r#"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[]}"#;
    let two = |index: u32| chunk(&format!(r#"[{{"index":{index},"delta":{{"content":"x"}},"finish_reason":null}}]"#));
    let usage_with_finish =
        chunk(r#"[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}"#);
    let (_, failed) = error("", r#"{"message":"boom at 10.0.0.1","type":"server_error","code":null}"#);
    let mut cases = vec![
        case("usage hidden", format!("{hi}{stop}{usage}{DONE}"), Outcome::Whole(format!("{hi}{stop}{DONE}"))),
        Case { show_usage: true, ..same("usage shown", format!("{hi}{stop}{usage}{DONE}")) },
        case("usage first, hidden", format!("{usage}{hi}{stop}{DONE}"), Outcome::Whole(format!("{hi}{stop}{DONE}"))),
        same("usage with the finish", format!("{hi}{usage_with_finish}{DONE}")),
        same("usage null", format!("{}{stop}{DONE}", hi.replace("}\n", ",\"usage\":null}\n"))),
        same("a fake end in the text", format!("{fake}{stop}{DONE}")),
        same("comments before the first event", format!(": hi\n\n:\n: ho\n\n{hi}{stop}{DONE}")),
        same("comments between events", format!("{hi}: ping\n\n:\n\n{stop}: ping\n\n{DONE}")),
        same("blank lines", format!("\n\n{hi}\n\n\n{stop}\n{DONE}")),
        same("several data lines", format!("{}{stop}{DONE}", hi.replace(",\"object\"", "\ndata:,\ndata: \"object\""))),
        same("no space after the colon", format!("{hi}{stop}{DONE}").replace("data: ", "data:")),
        same("other fields", format!("id: 7\nretry: 5\nevent: x\nfoo\ndatax: 1\n{hi}id\n{stop}{DONE}")),
        same("an empty choice list first, as Azure sends", format!("{empty_first}\n\n{hi}{stop}{DONE}")),
        same("two choices", format!("{}{}{}{}{DONE}", two(0), two(1), stops(1), stops(0))),
        same("an empty finish reason", format!("{}{stop}{DONE}", hi.replace("null}]", "\"\"}]"))),
        same("a broken escape's neighbour: a lone surrogate", format!("{}{stop}{DONE}", hi.replace("Hi", "\\ud83d"))),
        case(
            "bytes after the end",
            format!("{hi}{stop}{DONE}{hi}data: nonsense\n\n"),
            Outcome::Whole(format!("{hi}{stop}{DONE}")),
        ),
        case("no final blank line", format!("{hi}{stop}data: [DONE]"), Outcome::Whole(format!("{hi}{stop}{DONE}"))),
        case(
            "half a final blank line",
            format!("{hi}{stop}data: [DONE]\n"),
            Outcome::Whole(format!("{hi}{stop}{DONE}")),
        ),
        case(
            "a finish without blank line",
            format!("{hi}{}", stop.trim_end()),
            Outcome::Whole(format!("{hi}{stop}{DONE}")),
        ),
        case("a finish without [DONE]", format!("{hi}{stop}"), Outcome::Whole(format!("{hi}{stop}{DONE}"))),
        case("usage without [DONE]", format!("{hi}{stop}{usage}"), Outcome::Whole(format!("{hi}{stop}{DONE}"))),
        case("a comment at the end", format!("{hi}{stop}: bye"), Outcome::Whole(format!("{hi}{stop}{DONE}"))),
        case("no finish", hi.clone(), broken(hi)),
        case("no finish, but usage", format!("{hi}{usage}"), broken(hi)),
        case(
            "only one of two choices finished",
            format!("{}{}{}", two(0), two(1), stops(0)),
            broken(&format!("{}{}{}", two(0), two(1), stops(0))),
        ),
        case("cut in an event", format!("{hi}{}", &stop[..40]), broken(hi)),
        case("an event of no JSON", format!("{hi}data: {{\"choices\":[\n\n{stop}{DONE}"), broken(hi)),
        case("an event of the wrong type", format!("{hi}data: [1]\n\n{stop}{DONE}"), broken(hi)),
        case("an error midway", format!("{hi}{failed}{stop}{DONE}"), broken(hi)),
        case("an error after the finish", format!("{hi}{stop}{failed}{DONE}"), broken(&format!("{hi}{stop}"))),
        case("an error after a comment", format!("{hi}: x\n\n{failed}"), broken(&format!("{hi}: x\n\n"))),
        case("an error first", failed.clone(), garbage()),
        case("an error after comments", format!(": a\n\n: b\n\n{failed}"), garbage()),
        case("an error after hidden usage", format!("{usage}{failed}"), garbage()),
        case("nothing", "", garbage()),
        case("blank lines only", "\n\n\n", garbage()),
        case("comments only", ": a\n\n: b\n\n", garbage()),
        case("a BOM only", "\u{feff}", garbage()),
        case("the end only", DONE, garbage()),
        case("hidden usage and the end only", format!("{usage}{DONE}"), garbage()),
        case("HTML", "<html>\n\n<body>data: x</body></html>", garbage()),
        case("no JSON at all", "data: hello\n\n", garbage()),
        case("too deep", format!("data: {}\n\n", "[".repeat(200)), garbage()),
        case(
            "keep-alives without data",
            format!("data:\n\n{hi}data: \n\ndata\n\n{stop}{DONE}"),
            Outcome::Whole(format!("{hi}{stop}{DONE}")),
        ),
    ];
    for (kind, code, status) in [
        (r#"{"message":"m","type":"rate_limit_error"}"#, "rate_limit_exceeded", 429),
        (r#"{"message":"m","type":"overloaded_error"}"#, "server_is_overloaded", 503),
        (r#"{"message":"sk-upstream-planted","type":"authentication_error"}"#, "upstream_auth_error", 502),
        (r#"{"message":"m","code":429}"#, "rate_limit_exceeded", 429),
        (r#""just text""#, "upstream_error", 502),
    ] {
        let (name, event) = error("a mapped error", kind);
        cases.push(case(name, event.clone(), Outcome::Status(status, code)));
        cases.push(case(name, format!("{hi}{event}{stop}"), Outcome::Event(hi.clone(), code)));
    }
    cases
}

/// The answer for an upstream that sends these frames.
async fn run(show_usage: bool, frames: Vec<Piece>) -> Answered {
    let upstream = service_fn(move |_: Request<Full<Bytes>>| {
        let body = StreamBody::new(tokio_stream::iter(frames.clone().into_iter().map(frame)));
        let response = Response::builder().header("content-type", "text/event-stream; charset=utf-8").body(body);
        async { Ok::<_, Infallible>(response.unwrap()) }
    });
    let stack = ChatLayer::new().layer(openai("http://upstream.test/v1", upstream));
    let Ok(response) = stack.oneshot(post(ask(if show_usage { STREAM_WITH_USAGE } else { STREAM }))).await;
    read(response).await
}

/// Data, or trailers.
type Piece = Option<Bytes>;

fn frame(piece: Piece) -> Result<Frame<Bytes>, Infallible> {
    Ok(piece.map_or_else(|| Frame::trailers(HeaderMap::new()), Frame::data))
}

fn data(bytes: &Bytes) -> Piece {
    Some(bytes.clone())
}

/// Everything that a client or an outer layer could notice.
fn noticed(answer: &Answered) -> (u16, String, String, bool, String) {
    let kind = answer.header("content-type").unwrap().to_owned();
    let observed = format!("{:?}", answer.observed.as_ref().unwrap());
    (answer.status.as_u16(), kind, answer.text().to_owned(), answer.broke, observed)
}

/// The answer, which must be the same for every cut.
async fn at_any_split(name: &str, show_usage: bool, upstream: &str) -> Answered {
    let bytes = Bytes::copy_from_slice(upstream.as_bytes());
    let whole = run(show_usage, vec![data(&bytes)]).await;
    let expected = noticed(&whole);
    for cut in 0..=bytes.len() {
        let (left, right) = (bytes.slice(..cut), bytes.slice(cut..));
        let answer = run(show_usage, vec![data(&left), data(&right)]).await;
        assert_eq!(noticed(&answer), expected, "{name}: cut at {cut}");
    }
    let singles = || (0..bytes.len()).map(|at| bytes.slice(at..at + 1));
    let answer = run(show_usage, singles().map(|byte| data(&byte)).collect()).await;
    assert_eq!(noticed(&answer), expected, "{name}: one byte at a time");
    let spaced = singles().flat_map(|byte| [Some(Bytes::new()), data(&byte)]);
    let trailers = std::iter::once(None);
    let answer = run(show_usage, spaced.chain(trailers).collect()).await;
    assert_eq!(noticed(&answer), expected, "{name}: with empty frames and trailers");
    whole
}

fn check(name: &str, answer: &Answered, outcome: &Outcome, exact: bool) {
    let text = answer.text();
    let seen = answer.observed.as_ref().unwrap();
    assert!(!answer.broke, "{name}");
    let (expected, last) = match outcome {
        Outcome::Status(status, code) => {
            assert_eq!(answer.status.as_u16(), *status, "{name}: {text}");
            assert_eq!(answer.json()["error"]["code"], *code, "{name}: {text}");
            assert_eq!((seen.failure.as_deref(), seen.complete), (Some(*code), false), "{name}");
            assert!(!text.contains("planted") && !text.contains("10.0.0.1"), "{name}: {text}");
            return;
        }
        Outcome::Whole(expected) => (expected, None),
        Outcome::Event(expected, code) => (expected, Some(*code)),
    };
    assert_eq!(answer.status, 200, "{name}: {text}");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("content-length"), None);
    assert_eq!((seen.failure.as_deref(), seen.complete), (last, last.is_none()), "{name}");
    let mut got = events(text);
    if let Some(code) = last {
        let error: serde_json::Value = serde_json::from_str(&got.pop().unwrap()).unwrap();
        let kind = if code == "rate_limit_exceeded" { "rate_limit_error" } else { "server_error" };
        support::assert_error(&error, kind, Some(code), None);
        assert!(text.ends_with("}}\n\n") && !text.contains("10.0.0.1") && !text.contains("planted"), "{name}: {text}");
        if exact {
            let event = text.strip_prefix(expected.as_str()).unwrap_or_else(|| panic!("{name}: {text}"));
            assert!(event.starts_with("data: {\"error\":{\"message\":"), "{name}: {event}");
        }
    } else if exact {
        assert_eq!(text, expected, "{name}");
    }
    assert_eq!(got, events(expected), "{name}");
}

#[tokio::test]
async fn every_stream_ends_as_it_should_at_any_split() {
    for Case { name, show_usage, upstream, outcome } in cases() {
        let answer = at_any_split(name, show_usage, &upstream).await;
        check(name, &answer, &outcome, true);
    }
}

#[tokio::test]
async fn line_endings_and_a_bom_change_nothing() {
    for Case { name, show_usage, upstream, outcome } in cases() {
        for (ending, bom) in [("\r\n", ""), ("\r", ""), ("\n", "\u{feff}"), ("\r\n", "\u{feff}")] {
            let answer = at_any_split(name, show_usage, &(bom.to_owned() + &upstream.replace('\n', ending))).await;
            check(name, &answer, &outcome, false);
            if let Outcome::Whole(_) = outcome {
                let is_untouched =
                    upstream.ends_with(DONE) && !upstream.contains("\"usage\":{") && !upstream.contains("data:\n");
                let expected = bom.to_owned() + &upstream.replace('\n', ending);
                // A CR at the very end leaves open whether a LF follows, so [DONE] is ours then.
                if is_untouched && ending != "\r" {
                    assert_eq!(answer.text(), expected, "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_golden_stream_is_the_same_at_any_split() {
    let mut streams = 0;
    for entry in std::fs::read_dir("tests/golden/openai").unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.to_str().unwrap().strip_suffix(".response.provider.sse") else { continue };
        let request = std::fs::read_to_string(format!("{name}.request.openai.json")).unwrap();
        let upstream = std::fs::read_to_string(&path).unwrap();
        let show_usage = request.contains("include_usage");
        let lf = at_any_split(name, show_usage, &upstream).await;
        for ending in ["\r\n", "\r"] {
            let answer = at_any_split(name, show_usage, &upstream.replace('\n', ending)).await;
            assert_eq!(events(answer.text()), events(lf.text()), "{name}");
        }
        let seen = lf.observed.unwrap();
        assert_eq!((seen.source(), seen.model.as_deref()), (UsageSource::Reported, Some("gpt-4o-mini")));
        streams += 1;
    }
    assert_eq!(streams, 2);
}

#[tokio::test]
async fn what_was_seen_is_told() {
    let stream = format!("{}{}{}{}{DONE}", says("a\u{e9}"), says("\n"), stops(0), bills());
    let seen = at_any_split("told", false, &stream).await.observed.unwrap();
    let usage = seen.usage.unwrap();
    assert_eq!((usage.prompt_tokens(), usage.completion_tokens(), seen.text_bytes), (3, 1, 4));
    assert_eq!((seen.model.as_deref(), seen.finish_reason.as_deref()), (Some("m-1"), Some("stop")));
    assert_eq!(seen.source(), UsageSource::Reported);

    let stream = format!("{}{}", says("abc"), bills());
    let seen = at_any_split("partial", false, &stream).await.observed.unwrap();
    assert_eq!((seen.source(), seen.text_bytes, seen.finish_reason), (UsageSource::Partial, 3, None));

    let azure = says("x").replace("\"m-1\"", "\"\"") + &says("y") + &stops(0) + DONE;
    let seen = at_any_split("the model's name comes late", false, &azure).await.observed.unwrap();
    assert_eq!(seen.model.as_deref(), Some("m-1"));
}

#[tokio::test]
async fn an_event_over_the_cap_is_refused_at_any_split() {
    let large = Bytes::from(says(&"x".repeat(9 << 20)));
    let long_line = Bytes::from(vec![b'x'; 9 << 20]);
    for upstream in [&large, &long_line] {
        for frames in [vec![upstream.clone()], upstream.chunks(1 << 20).map(Bytes::copy_from_slice).collect()] {
            let answer = run(false, frames.iter().map(data).collect()).await;
            answer.expect_error(502, "server_error", Some("upstream_response_too_large"), None);
            let after = std::iter::once(Some(says("Hi").into())).chain(frames.iter().map(data));
            let answer = run(false, after.collect()).await;
            check("midway", &answer, &Outcome::Event(says("Hi"), "upstream_response_too_large"), true);
        }
    }
    let stream = says(&"x".repeat(1 << 20)) + &stops(0) + DONE;
    let frames = stream.as_bytes().chunks(60_000).map(|chunk| Some(Bytes::copy_from_slice(chunk)));
    assert_eq!(run(false, frames.collect()).await.text(), stream);
}

#[tokio::test]
async fn endless_comments_before_the_first_event_are_refused() {
    let comment = Bytes::from(format!(": {}\n\n", "x".repeat(1 << 20)));
    let answer = run(false, vec![data(&comment); 20]).await;
    answer.expect_error(502, "server_error", Some("upstream_response_too_large"), None);
}

#[tokio::test]
async fn a_whole_answer_becomes_a_stream_where_one_was_asked_for() {
    let tools = r#"{"id":"c","model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let (json, events_of) = ("application/json; charset=utf-8", "text/event-stream");
    for (kind, body, show_usage, expected) in [
        (json, WHOLE, false, "Hi"),
        (json, WHOLE, true, "Hi"),
        (json, tools, false, ""),
        (events_of, WHOLE, true, "Hi"),
        ("text/plain", tools, false, ""),
    ] {
        let upstream = service_fn(move |_: Request<Full<Bytes>>| async move {
            let response = Response::builder().header("content-type", kind);
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap())
        });
        let stack = ChatLayer::new().layer(openai("http://upstream.test/v1", upstream));
        let answer = support::send(&stack, post(ask(if show_usage { STREAM_WITH_USAGE } else { STREAM }))).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/event-stream")));
        let mut events = events(answer.text());
        assert_eq!(events.pop().as_deref(), Some("[DONE]"));
        let chunks: Vec<serde_json::Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
        assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
        let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(text, expected);
        let billed = chunks.iter().filter(|chunk| chunk["usage"].is_object()).count();
        assert_eq!(billed, usize::from(show_usage));
        let seen = answer.observed.unwrap();
        assert_eq!((seen.source(), seen.usage.unwrap().total_tokens()), (UsageSource::Reported, 4));
        if body == tools {
            let calls = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].get(0));
            let calls: Vec<_> = calls.collect();
            assert_eq!((&calls[0]["id"], &calls[0]["function"]["name"]), (&"t".into(), &"f".into()));
            let arguments: String = calls.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
            assert_eq!(arguments, r#"{"a":1}"#);
            assert_eq!(chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"] == "tool_calls").count(), 1);
        }
    }
}

#[tokio::test]
async fn what_is_no_stream_and_what_is_one_are_told_by_their_bytes() {
    let stream = says("Hi") + &stops(0) + DONE;
    let busy = "\n{\n\n \"error\": {\"message\": \"planted\", \"type\": \"overloaded_error\"}}".to_owned();
    for (kind, body, status) in [
        ("application/json", stream.clone(), 200),
        ("application/json", format!(": hi\n\n{stream}"), 200),
        ("application/json", stream.replace(DONE, ""), 200),
        ("application/json", says("Hi"), 502),
        ("text/event-stream", busy.clone(), 503),
        ("text/plain", busy, 503),
        ("text/event-stream", "{\"choices\":[]}".to_owned(), 502),
        ("text/event-stream", "{".to_owned(), 502),
    ] {
        let sent = body.clone();
        let upstream = service_fn(move |_: Request<Full<Bytes>>| {
            let response = Response::builder().header("content-type", kind).body(Full::new(Bytes::from(sent.clone())));
            std::future::ready(Ok::<_, Infallible>(response.unwrap()))
        });
        let stack = ChatLayer::new().layer(openai("http://upstream.test/v1", upstream));
        let answer = support::send(&stack, post(ask(STREAM))).await;
        assert_eq!(answer.status.as_u16(), status, "{kind} {body}");
        assert!(!answer.text().contains("planted"));
        if status == 200 {
            assert_eq!(answer.header("content-type"), Some("text/event-stream"));
            assert!(answer.text().ends_with(&stream), "{}", answer.text());
        }
    }
}
