//! What the border lets in: malformed requests get their exact error and never reach an upstream, odd but legal ones pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use support::{WHOLE, ask, models, openai, send};
use tower::Layer;
use tower_completions::mock::{Answer, Mock};
use tower_completions::{BoxError, ChatLayer};

type Any = UnsyncBoxBody<Bytes, BoxError>;

const INVALID: &str = "invalid_request_error";

/// A request that must be refused, and how.
struct Bad {
    name: String,
    request: Request<Any>,
    status: u16,
    code: Option<&'static str>,
    param: Option<String>,
}

fn full(body: impl Into<Bytes>) -> Any {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

fn with(headers: &[(&str, &str)], body: Any) -> Request<Any> {
    let request = headers
        .iter()
        .fold(Request::post("/v1/chat/completions"), |request, (name, value)| request.header(*name, *value));
    request.body(body).unwrap()
}

/// A body that never comes.
struct Silent(SizeHint);

impl Body for Silent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        self.0
    }
}

fn frames(frames: impl Iterator<Item = Result<Bytes, BoxError>> + Send + 'static) -> Any {
    StreamBody::new(tokio_stream::iter(frames.map(|frame| frame.map(Frame::data)))).boxed_unsync()
}

/// A body with a 400.
fn body(
    name: &str,
    bytes: impl Into<Bytes>,
    code: impl Into<Option<&'static str>>,
    param: impl Into<Option<&'static str>>,
) -> Bad {
    let request = with(&[("content-type", "application/json")], full(bytes));
    Bad { name: name.to_owned(), request, status: 400, code: code.into(), param: param.into().map(str::to_owned) }
}

fn nested(open: &str, close: &str, levels: usize) -> String {
    format!("{}{}", open.repeat(levels), close.repeat(levels))
}

fn field(json: &str) -> String {
    ask(&format!(",{json}"))
}

fn many_fields(count: usize) -> String {
    (0..count).map(|at| format!("\"f{at}\":{at}")).collect::<Vec<_>>().join(",")
}

/// What is no JSON, or not enough of it.
fn no_json() -> Vec<Bad> {
    let bad = |name: &str, bytes: Vec<u8>| body(name, bytes, "invalid_json", None);
    let text = |name: &str, text: String| bad(name, text.into_bytes());
    let mut table = vec![
        text("empty", String::new()),
        text("white space only", " \r\n\t ".into()),
        text("BOM", format!("\u{feff}{}", ask(""))),
        text("trailing text", ask("") + " x"),
        text("trailing object", ask("").repeat(2)),
        text("trailing NUL", ask("") + "\0"),
        text("trailing comma", ask("").replace("]}", "],}")),
        text("leading NUL", format!("\0{}", ask(""))),
        text("comment", format!("// hi\n{}", ask(""))),
        text("form data", "model=m&messages=x".into()),
        text("HTML", "<html></html>".into()),
        text("single quotes", ask("").replace('"', "'")),
        text("unquoted key", ask("").replace("\"model\"", "model")),
        text("NaN", field(r#""temperature":NaN"#)),
        text("Infinity", field(r#""temperature":Infinity"#)),
        text("-Infinity", field(r#""temperature":-Infinity"#)),
        text("leading plus", field(r#""seed":+1"#)),
        text("leading zero", field(r#""seed":01"#)),
        text("bare point", field(r#""seed":1."#)),
        text("hexadecimal", field(r#""seed":0x10"#)),
        text("True", field(r#""stream":True"#)),
        text("undefined", field(r#""stop":undefined"#)),
        text("control character in a string", ask("").replace("\"x\"", "\"a\u{1}\"")),
        text("newline in a string", ask("").replace("\"x\"", "\"a\nb\"")),
        text("bad escape", ask("").replace("\"x\"", r#""\x41""#)),
        text("bad unicode escape", ask("").replace("\"x\"", r#""\u12G4""#)),
        text("missing colon", ask("").replace("\"model\":", "\"model\" ")),
        text("missing comma", ask("").replace("\"m\",", "\"m\" ")),
        text("brackets that do not match", ask("").replace("]}", "}]")),
        text("half a key", r#"{"mod"#.into()),
        bad("invalid UTF-8", ask("").replace('x', "\u{1}").bytes().map(|b| if b == 1 { 0xff } else { b }).collect()),
        bad("overlong UTF-8", [ask("").as_bytes().split_at(40).0, &[0xc0, 0xaf], b"\"}]}"].concat()),
        bad("UTF-8 surrogate", [ask("").as_bytes().split_at(40).0, &[0xed, 0xa0, 0x80], b"\"}]}"].concat()),
        bad("cut in a code point", [&ask("").as_bytes()[..40], &[0xe2, 0x82]].concat()),
        bad("UTF-16", ask("").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        text("129 levels", field(&format!(r#""x":{}"#, nested("[", "]", 128)))),
        text("129 levels of objects", field(&format!(r#""x":{}1{}"#, r#"{"a":"#.repeat(128), "}".repeat(128)))),
        text("129 levels in a message", ask("").replace("\"x\"", &nested("[", "]", 126))),
        text("200,000 arrays", "[".repeat(200_000)),
        text("200,000 objects", r#"{"a":"#.repeat(200_000)),
        text("200,000 arrays, closed", nested("[", "]", 200_000)),
        text("200,000 arrays in an unknown field", field(&format!(r#""x":{}"#, nested("[", "]", 200_000)))),
        text(
            "200,000 objects in an unknown field",
            field(&format!(r#""x":{}1{}"#, r#"{"a":"#.repeat(200_000), "}".repeat(200_000))),
        ),
        text(
            "200,000 arrays in a tool's schema",
            field(&format!(
                r#""tools":[{{"type":"function","function":{{"name":"f","parameters":{}}}}}]"#,
                nested("[", "]", 200_000)
            )),
        ),
        text(
            "200,000 arrays in a message's unknown field",
            ask("").replace("\"role\"", &format!("\"y\":{},\"role\"", nested("[", "]", 200_000))),
        ),
    ];
    for end in (1..ask("").len()).step_by(7) {
        table.push(text(&format!("cut at {end}"), ask("")[..end].to_owned()));
    }
    table
}

/// JSON that is no chat completion request.
fn no_chat() -> Vec<Bad> {
    let bad =
        |name: &str, text: &str, code: &'static str, param: &'static str| body(name, text.to_owned(), code, param);
    let message = |message: &str| format!(r#"{{"model":"m","messages":[{{"role":"user"}},{message}]}}"#);
    let missing = "missing_required_parameter";
    let mut table: Vec<Bad> =
        ["null", "true", "1", "\"text\"", "[]", "[{\"model\":\"m\"}]"].map(|text| body(text, text, None, None)).into();
    table.push(body("more top-level fields than anybody needs", field(&many_fields(1_100)), None, None));
    table.extend([
        bad("nothing in it", "{}", missing, "model"),
        bad("no model", r#"{"messages":[{"role":"user"}]}"#, missing, "model"),
        bad("empty model", &ask("").replace("\"m\"", "\"\""), "invalid_value", "model"),
        bad("null model", &ask("").replace("\"m\"", "null"), "invalid_type", "model"),
        bad("no messages", r#"{"model":"m"}"#, missing, "messages"),
        bad("empty messages", r#"{"model":"m","messages":[]}"#, "invalid_value", "messages"),
        bad("null messages", r#"{"model":"m","messages":null}"#, "invalid_type", "messages"),
        bad("a message that is a string", &message("\"x\""), "invalid_type", "messages[1]"),
        bad("a message that is null", &message("null"), "invalid_type", "messages[1]"),
        bad("a message that is an array", &message("[]"), "invalid_type", "messages[1]"),
        bad("no role", &message(r#"{"content":"x"}"#), missing, "messages[1].role"),
        bad("null role", &message(r#"{"role":null}"#), "invalid_type", "messages[1].role"),
        bad("role of the wrong type", &message(r#"{"role":7}"#), "invalid_type", "messages[1].role"),
        bad("number as content", &message(r#"{"role":"user","content":1}"#), "invalid_type", "messages[1].content"),
        bad("boolean as content", &message(r#"{"role":"user","content":true}"#), "invalid_type", "messages[1].content"),
        bad("object as content", &message(r#"{"role":"tool","content":{}}"#), "invalid_type", "messages[1].content"),
        bad(
            "escaped content key",
            &message(r#"{"role":"user","c\u006fntent":{}}"#),
            "invalid_type",
            "messages[1].content",
        ),
    ]);
    let twice = "duplicate_parameter";
    let escaped = r#""mod\u0065l":"other""#;
    table.extend([
        bad("model twice", &field(r#""model":"m""#), twice, "model"),
        bad("model, then escaped model", &field(escaped), twice, "model"),
        bad(
            "escaped model, then model",
            &ask("").replace("{\"model\"", &format!("{{{escaped},\"model\"")),
            twice,
            "model",
        ),
        bad("messages twice", &field(r#""messages":[{"role":"user"}]"#), twice, "messages"),
        bad(
            "empty messages, then messages",
            &ask("").replace("{\"model\"", "{\"messages\":[],\"model\""),
            twice,
            "messages",
        ),
        bad("escaped messages", &field(r#""message\u0073":[{"role":"user"}]"#), twice, "messages"),
        bad("stream twice", &field(r#""stream":true,"stream":false"#), twice, "stream"),
        bad("stream_options twice", &field(r#""stream_options":{},"stream_options":null"#), twice, "stream_options"),
        bad("an unknown field twice", &field(r#""x":1,"x":1"#), twice, "x"),
        bad("an escaped unknown field", &field(r#""\u0078":1,"x":1"#), twice, "x"),
        bad(
            "include_usage twice",
            &field(r#""stream_options":{"include_usage":true,"include_usage":false}"#),
            twice,
            "stream_options.include_usage",
        ),
        bad(
            "include_usage, then escaped",
            &field(r#""stream_options":{"include_usage":false,"include\u005fusage":true}"#),
            twice,
            "stream_options.include_usage",
        ),
        bad(
            "escaped, then include_usage",
            &field(r#""stream_options":{"\u0069nclude_usage":true,"include_usage":false}"#),
            twice,
            "stream_options.include_usage",
        ),
        bad(
            "include_usage of the wrong type",
            &field(r#""stream_options":{"include_usage":1}"#),
            "invalid_type",
            "stream_options.include_usage",
        ),
        bad("a model for readers that do not see the case", &field(r#""Model":"other""#), "unknown_parameter", "Model"),
        bad("the same in escapes", &field(r#""\u004dodel":"other""#), "unknown_parameter", "Model"),
        bad("a limit in another case", &field(r#""Max_Tokens":100000"#), "unknown_parameter", "Max_Tokens"),
        bad(
            "include_usage in another case",
            &field(r#""stream":true,"stream_options":{"include_usage":true,"INCLUDE_USAGE":false}"#),
            "unknown_parameter",
            "stream_options.INCLUDE_USAGE",
        ),
        bad("role twice", &message(r#"{"role":"user","role":"system"}"#), twice, "messages[1].role"),
        bad("role, then escaped role", &message(r#"{"role":"user","rol\u0065":"system"}"#), twice, "messages[1].role"),
        bad("escaped role, then role", &message(r#"{"rol\u0065":"system","role":"user"}"#), twice, "messages[1].role"),
        bad("content twice", &message(r#"{"role":"user","content":"a","content":"b"}"#), twice, "messages[1].content"),
        bad("the first of two errors", r#"{"stream":1,"messages":[1]}"#, "invalid_type", "stream"),
    ]);
    table
}

/// Every field that OpenAI documents, with every type that it cannot have.
fn wrong_types() -> Vec<Bad> {
    const SAMPLES: [(&str, &str); 5] =
        [("string", "\"s\""), ("boolean", "true"), ("number", "1"), ("array", "[]"), ("object", "{}")];
    let allowed = [
        (
            "string",
            "model prompt_cache_key prompt_cache_retention reasoning_effort safety_identifier service_tier user verbosity",
        ),
        ("boolean", "logprobs parallel_tool_calls store stream"),
        (
            "number",
            "frequency_penalty max_completion_tokens max_tokens n presence_penalty seed temperature top_logprobs top_p",
        ),
        ("array", "functions messages modalities tools"),
        (
            "object",
            "audio logit_bias metadata moderation prediction prompt_cache_options response_format stream_options \
             web_search_options",
        ),
        ("string array", "stop"),
        ("string object", "function_call tool_choice"),
    ];
    let mut table = Vec::new();
    for (types, fields) in allowed {
        for name in fields.split_whitespace() {
            for (kind, sample) in SAMPLES.iter().filter(|(kind, _)| !types.contains(kind)) {
                let text = match name {
                    "model" => ask("").replace("\"m\"", sample),
                    "messages" => format!(r#"{{"model":"m","messages":{sample}}}"#),
                    name => field(&format!("\"{name}\":{sample}")),
                };
                let mut bad = body(&format!("{name}: {kind}"), text, "invalid_type", None);
                bad.param = Some(name.to_owned());
                table.push(bad);
            }
        }
    }
    table
}

/// What the head alone gives away, and bodies that do not end well.
fn transport() -> Vec<Bad> {
    let bad = |name: &str, request: Request<Any>, status: u16, code: Option<&'static str>| Bad {
        name: name.to_owned(),
        request,
        status,
        code,
        param: None,
    };
    let json = ("content-type", "application/json");
    let silent = || Silent(SizeHint::default()).boxed_unsync();
    let mut table = Vec::new();
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "PRI"] {
        let mut request = with(&[json], silent());
        *request.method_mut() = method.parse().unwrap();
        table.push(bad(method, request, 405, Some("method_not_supported")));
    }
    let unsupported = Some("unsupported_media_type");
    for kind in [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "application/jsonl",
        "application/*",
        "",
        "application/json, text/plain",
    ] {
        table.push(bad(kind, with(&[("content-type", kind)], silent()), 415, unsupported));
    }
    table.push(bad("two content types", with(&[json, json], silent()), 415, unsupported));
    for coding in ["gzip", "br", "deflate, gzip", "zstd", "identity, gzip", "x"] {
        table.push(bad(coding, with(&[json, ("content-encoding", coding)], silent()), 415, unsupported));
    }
    let two = [json, ("content-encoding", "identity"), ("content-encoding", "gzip")];
    table.push(bad("two codings", with(&two, silent()), 415, unsupported));
    let large = Some("request_too_large");
    for length in ["1001", "4294967296", "18446744073709551615"] {
        table.push(bad(length, with(&[json, ("content-length", length)], silent()), 413, large));
    }
    let hinted = Silent(SizeHint::with_exact(1 << 40)).boxed_unsync();
    table.push(bad("announced by the body only", with(&[json], hinted), 413, large));
    let endless = frames(std::iter::repeat_with(|| Ok(Bytes::from_static(&[b' '; 100]))));
    table.push(bad("endless", with(&[json], endless), 413, large));
    table.push(bad("one byte too large", with(&[json], full(format!("{:1$}", ask(""), 1001))), 413, large));
    let broken = frames([Ok(Bytes::from_static(b"{\"model\"")), Err("10.0.0.1: reset".into())].into_iter());
    table.push(bad("broken off", with(&[json], broken), 400, None));
    table
}

#[tokio::test]
async fn every_malformed_request_gets_its_exact_error_and_reaches_nobody() {
    let mock = Mock::openai();
    let router = models(openai("http://upstream.test/v1", mock.clone()));
    let small = ChatLayer::new().max_body(1000).layer(router.clone());
    let stack = ChatLayer::new().layer(router);
    let mut rows = 0;
    let bodies = [no_json(), no_chat(), wrong_types()].into_iter().flatten().map(|bad| (bad, &stack));
    for (bad, stack) in bodies.chain(transport().into_iter().map(|bad| (bad, &small))) {
        let Bad { name, request, status, code, param } = bad;
        let answer = tokio::time::timeout(support::SOON, send(stack, request)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{name}: waits for the body"));
        let told = std::panic::catch_unwind(|| answer.expect_error(status, INVALID, code, param.as_deref()));
        assert!(told.is_ok(), "in the row {name:?}");
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST"), "{name}");
        rows += 1;
    }
    assert!(rows > 250, "{rows}");
    assert_eq!(mock.received(), 0);
}

#[tokio::test]
async fn odd_but_legal_requests_pass_untouched() {
    let mock = Mock::openai();
    mock.always(Answer::json(200, WHOLE));
    let stack = support::stack(&mock);
    let levels = |levels: usize| field(&format!(r#""x":{}"#, nested("[", "]", levels - 1)));
    let table = [
        ask(""),
        field(r#""x":1e400"#),
        field(r#""seed":123456789012345678901234567890"#),
        field(r#""temperature":1e400,"top_p":-0.0E-0"#),
        format!(" \r\n\t{} \r\n\t", ask("").replace(':', " : ").replace(',', "\n,\t")),
        field("\"mod\u{e8}l\":1,\"mode\\u0300l\":2,\"mode\u{300}l2\":3"),
        field("\"model \":\"x\",\"x-model\":\"x\",\"X\":\"x\""),
        field("\"\":1,\"\\u0000\":2"),
        field(r#""x":"\ud800","y":"\udc00\ud800""#),
        ask("").replace("\"x\"", r#""\ud83d""#),
        ask("").replace("\"x\"", "\"\u{2028}\u{2029}\u{85}\u{feff}\u{0}\"").replace('\0', "\\u0000"),
        field(r#""x":{"model":"a","model":"b"}"#),
        field(r#""stream_options":{"x":1,"x":2}"#),
        field(
            &["tools", "tool_choice", "response_format", "stop", "user", "stream", "stream_options", "n", "seed"]
                .map(|name| format!("\"{name}\":null"))
                .join(","),
        ),
        field(r#""stream_options":{"include_usage":null}"#),
        field(r#""tools":[],"stop":[],"user":"","metadata":{},"n":-7.5,"max_tokens":0"#),
        levels(128),
        field(&format!(r#""x":{}1{}"#, r#"{"a":"#.repeat(127), "}".repeat(127))),
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":{}}}]}}"#, nested("[", "]", 125)),
        r#"{"messages":[{"content":"x","role":"user"}],"mod\u0065l":"m"}"#.to_owned(),
        r#"{"model":"\u006d","message\u0073":[{"role":"user"}]}"#.to_owned(),
        r#"{"model":"m","messages":[{"rol\u0065":"user","content":"x"}]}"#.to_owned(),
        r#"{"model":"m","messages":[{"role":"whatever","content":null,"x":1,"x":2}]}"#.to_owned(),
        r#"{"model":"m","messages":[{"role":""}]}"#.to_owned(),
        field(&many_fields(1_000)),
    ];
    for (at, text) in table.iter().enumerate() {
        let answer = send(&stack, support::post(text.clone())).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, WHOLE), "{text:.200}");
        assert_eq!(mock.received(), at + 1);
        assert_eq!(mock.requests().last().unwrap().body, *text);
    }
}

#[tokio::test]
async fn odd_but_legal_heads_pass() {
    let mock = Mock::openai();
    mock.always(Answer::json(200, WHOLE));
    let stack = support::stack(&mock);
    let heads: [&[(&str, &str)]; 8] = [
        &[],
        &[("content-type", "application/json; charset=utf-8")],
        &[("content-type", "Application/JSON ;x=y")],
        &[("content-type", "application/json;")],
        &[("content-encoding", "identity")],
        &[("content-encoding", "IDENTITY")],
        &[("expect", "100-continue"), ("transfer-encoding", "chunked")],
        &[("accept", "text/event-stream"), ("content-length", "73")],
    ];
    for head in heads {
        assert_eq!(send(&stack, with(head, full(ask("")))).await.status, 200, "{head:?}");
    }
    let pieces = || ask("").into_bytes().into_iter().flat_map(|byte| [Bytes::new(), Bytes::from(vec![byte])]).map(Ok);
    assert_eq!(send(&stack, with(&[], frames(pieces()))).await.status, 200);
    assert_eq!(mock.requests().last().unwrap().body, ask(""));
    let trailers = frames(std::iter::empty()).with_trailers(async { Some(Ok(http::HeaderMap::new())) });
    assert_eq!(send(&stack, with(&[], trailers.boxed_unsync())).await.status, 400);
    let exact = ChatLayer::new().max_body(ask("").len() as u64).layer(models(openai("http://upstream.test", mock)));
    assert_eq!(send(&exact, with(&[], full(ask("")))).await.status, 200);
}
