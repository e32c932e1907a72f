//! Passthrough is exact: an OpenAI-shaped upstream gets the client's own bytes, and the client the upstream's; and the golden exchanges.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::path::Path;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{DONE, Gateway, UPSTREAM_KEY, WHOLE, events, post, send, stack};
use tower_completions::client::Client;
use tower_completions::mock::{Answer, Chunking, Mock, Recorded};

/// Sends a body through the stack; what arrived, and what came back.
async fn exchange(answer: Answer, body: impl Into<Bytes>) -> (Recorded, support::Answered) {
    let mock = Mock::openai();
    mock.always(answer);
    let answered = send(&stack(&mock), post(body)).await;
    (mock.requests().pop().expect("a request arrived"), answered)
}

/// The bytes of a request in which `«…»` marks what the upstream should get in another form: `«theirs|ours»`.
fn spliced(marked: &str) -> (String, String) {
    let (mut client, mut upstream) = (String::new(), String::new());
    let mut rest = marked;
    while let Some((before, after)) = rest.split_once('«') {
        let (span, after) = after.split_once('»').unwrap();
        let (theirs, ours) = span.split_once('|').unwrap();
        client.extend([before, theirs]);
        upstream.extend([before, ours]);
        rest = after;
    }
    (client + rest, upstream + rest)
}

#[tokio::test]
async fn only_the_spliced_spans_differ() {
    let table = [
        r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#,
        r#"{"model":«"mini"|"gpt-4o-mini"»,"messages":[{"role":"user","content":"x"}]}"#,
        r#"{"mod\u0065l" :  «"m\u0069ni"|"gpt-4o-mini"» , "messages":[{"role":"user","content":"x"}] }  "#,
        "\r\n{ \"x\" : [ 1e400 , -0.0 , 1E+2 , 123456789012345678901234567890 ] ,\t\"model\":«\"mini\"|\"gpt-4o-mini\"»,\n\"messages\" : [ {\"role\":\"user\"} ] }\n",
        r#"{"messages":[{"role":"user","content":"\ud83d\ude00 \u00e9 é \/ \ud800"}],"model":«"mini"|"gpt-4o-mini"»}"#,
        "{\"mode\u{300}l\":1,\"mod\u{e8}l\":\"mini\",\"model\":«\"mini\"|\"gpt-4o-mini\"»,\"messages\":[{\"role\":\"user\",\"model\":\"mini\"}],\"nested\":{\"model\":\"mini\"}}",
        r#"{"model":"m","messages":[{"role":"user"}],"stream":true«|,"stream_options":{"include_usage":true}»}"#,
        r#"{"model":«"mini"|"gpt-4o-mini"»,"messages":[{"role":"user"}] , "stream" : true«|,"stream_options":{"include_usage":true}» }"#,
        r#"{"stream_options" : «null|{"include_usage":true}» ,"stream":true,"model":"m","messages":[{"role":"user"}]}"#,
        r#"{"stream_options":«{}|{"include_usage":true}»,"stream":true,"model":"m","messages":[{"role":"user"}]}"#,
        r#"{"stream\u005foptions":«{"include_usage":false , "x\u0079":1e400}|{"include_usage":true,"x\u0079":1e400}»,"stream":true,"model":"m","messages":[{"role":"user"}]}"#,
        r#"{"stream_options":{ "include_usage" : true, "x":1 },"stream":true,"model":"m","messages":[{"role":"user"}]}"#,
        r#"{"stream_options":{"x":1},"stream":false,"model":"m","messages":[{"role":"user"}]}"#,
        r#"{"stream_options":{"include_usage":false},"stream":null,"model":"m","messages":[{"role":"user"}]}"#,
        r#"{"model":"m","messages":[{"role":"user"}],"tools":[],"tool_choice":null,"stop":null,"user":"","":{"":[]}}"#,
    ];
    for marked in table {
        let (client, upstream) = spliced(marked);
        let (request, _) = exchange(Answer::echo(), client).await;
        assert_eq!(request.body, upstream);
        assert_eq!(request.path_and_query(), "/v1/chat/completions");
    }
}

#[tokio::test]
async fn a_whole_answer_comes_back_byte_for_byte() {
    let odd = [
        WHOLE.to_owned(),
        format!("\r\n {} \t\n", WHOLE.replace(':', " : ").replace(',', " ,\n")),
        WHOLE.replace("\"usage\"", "\"x\":[1e400,123456789012345678901234567890,-0.0],\"\\u0078\":null,\"usage\""),
        WHOLE.replace("Hi", "\\ud83d\\ude00 \\/ \\u00e9 é 🦀 \u{2028} \\ud800"),
        WHOLE.replace("\"stop\"", "\"eos\"").replace("\"index\":0,", ""),
        WHOLE.replace("},\"finish", "},\"delta\":7,\"finish"),
        WHOLE.replace("\"model\":\"m-1\"", "\"model\":\"a\",\"model\":\"b\""),
        r#"{"choices":[{}]}"#.to_owned(),
        r#"{"choices":[null,{"index":1}],"error":null}"#.to_owned(),
    ];
    for body in odd {
        for chunking in [Chunking::Whole, Chunking::Bytes(1), Chunking::Bytes(7)] {
            let (_, answer) = exchange(Answer::json(200, &body).chunked(chunking), support::ask("")).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, &*body));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("content-length"), None, "hyper knows it from the body");
        }
    }
}

#[tokio::test]
async fn a_stream_comes_back_byte_for_byte() {
    let event = support::says("Hi")
        .replace("\"id\":\"c\"", "\"id\" : \"c\",\"x\":[1e400,123456789012345678901234567890],\"e\":\"\\u00e9\\/\"");
    let stream = format!(
        "{event}: a comment\n\nid: 7\nevent: x\nretry: 1\ndata:{}\n\n{}{}{DONE}",
        "{\"choices\":[]}",
        support::stops(0),
        support::bills()
    );
    for ending in ["\n", "\r\n"] {
        let stream = stream.replace('\n', ending);
        for chunking in [Chunking::Whole, Chunking::Events, Chunking::Bytes(1), Chunking::Bytes(7)] {
            let (_, answer) =
                exchange(Answer::sse(stream.clone()).chunked(chunking), support::ask(support::STREAM_WITH_USAGE)).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, &*stream));
        }
    }
}

#[tokio::test]
async fn nothing_else_of_the_client_travels() {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    let gateway = Gateway::before(&format!("{}/v1", upstream.base_url())).await;
    let headers = [
        ("authorization", "Bearer planted"),
        ("x-api-key", "planted"),
        ("api-key", "planted"),
        ("x-goog-api-key", "planted"),
        ("cookie", "planted=1"),
        ("proxy-authorization", "planted"),
        ("proxy-connection", "planted"),
        ("forwarded", "for=planted"),
        ("x-forwarded-for", "planted"),
        ("x-forwarded-host", "planted"),
        ("x-forwarded-proto", "planted"),
        ("x-real-ip", "planted"),
        ("via", "planted"),
        ("openai-organization", "planted"),
        ("openai-project", "planted"),
        ("openai-beta", "planted"),
        ("anthropic-beta", "planted"),
        ("idempotency-key", "planted"),
        ("x-stainless-lang", "planted"),
        ("user-agent", "planted"),
        ("referer", "planted"),
        ("origin", "planted"),
        ("accept", "planted/x"),
        ("accept-encoding", "gzip, planted"),
        ("accept-language", "planted"),
        ("x-request-id", "planted"),
        ("x-client-request-id", "planted"),
        ("traceparent", "planted"),
        ("x-target-host", "planted"),
        ("te", "trailers"),
        ("upgrade", "planted"),
        ("connection", "x-listed, keep-alive"),
        ("x-listed", "planted"),
        ("content-type", "application/json; charset=utf-8; planted=1"),
    ];
    for more in ["", support::STREAM] {
        let uri = format!("{}/v1/chat/completions", gateway.base_url);
        let request = headers.iter().fold(Request::post(uri), |request, (name, value)| request.header(*name, *value));
        let request = request.body(Full::new(Bytes::from(support::ask(more)))).unwrap();
        let answer = support::read(tower::ServiceExt::oneshot(Client::new(), request).await.unwrap()).await;
        assert_eq!(answer.status, 200);
        let arrived = mock.requests().pop().unwrap();
        let mut names: Vec<&str> = arrived.headers.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "authorization", "content-length", "content-type", "host"]);
        assert_eq!(arrived.header("authorization"), Some(&*format!("Bearer {UPSTREAM_KEY}")));
        assert_eq!(arrived.header("accept-encoding"), Some("identity"));
        assert_eq!(arrived.header("content-type"), Some("application/json"));
        assert_eq!(
            arrived.header("accept"),
            Some(if more.is_empty() { "application/json" } else { "text/event-stream" })
        );
        assert_eq!(arrived.header("host"), Some(&*upstream.addr().to_string()));
        assert_eq!(arrived.header("content-length"), Some(&*arrived.body.len().to_string()));
    }
}

/// White space between tokens.
fn space() -> impl Strategy<Value = String> {
    "[ \t\r\n]{0,3}"
}

/// The inside of a JSON string, escaped every which way.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            "[a-z é🦀\u{2028}/':,{}\\[\\]]{1,4}",
            r#"\\["\\/bfnrt]"#,
            r"\\u[0-9a-fA-F]{4}",
            Just("«|»".replace(['«', '|', '»'], "data: [DONE]")),
        ],
        0..4,
    )
    .prop_map(|parts| parts.concat())
}

fn number() -> impl Strategy<Value = String> {
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?"
}

/// JSON in odd formatting.
fn value() -> impl Strategy<Value = String> {
    let quoted = || text().prop_map(|text| format!("\"{text}\""));
    let leaf =
        prop_oneof![Just("null".to_owned()), Just("true".to_owned()), Just("false".to_owned()), number(), quoted()];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let padded = || (space(), inner.clone(), space()).prop_map(|(a, value, b)| a + &value + &b);
        let member =
            (space(), text(), space(), padded()).prop_map(|(a, key, b, value)| format!("{a}\"{key}\"{b}:{value}"));
        prop_oneof![
            prop::collection::vec(padded(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..4).prop_map(|items| format!("{{{}}}", items.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_formatting_the_rest_is_untouched(
        extra in prop::collection::vec((space(), value(), space()), 0..6),
        spaces in prop::collection::vec(space(), 8),
        order in any::<prop::sample::Index>(),
        content in text(),
        renamed in any::<bool>(),
        streamed in any::<bool>(),
        answer in value(),
    ) {
        let model = if renamed { "«\"mini\"|\"gpt-4o-mini\"»" } else { "\"m\"" };
        let messages = format!("[{}{{\"role\":\"user\",{}\"content\":\"{content}\"}}]", spaces[0], spaces[1]);
        let mut fields = vec![format!("\"model\"{}:{}{model}", spaces[2], spaces[3]), format!("{}\"messages\":{messages}{}", spaces[4], spaces[5])];
        let extras = extra.iter().enumerate().map(|(at, (a, value, b))| format!("{a}\"x{at}\":{b}{value}"));
        fields.extend(extras);
        if streamed {
            fields.push("\"stream\":true".to_owned());
        }
        let middle = order.index(fields.len());
        fields.rotate_left(middle);
        let last = fields.pop().unwrap();
        // What is added stands right behind the last value, before the white space that follows it.
        let (last, end) = last.split_at(last.trim_end().len());
        let added = if streamed { "«|,\"stream_options\":{\"include_usage\":true}»" } else { "" };
        fields.push(format!("{last}{added}{end}"));
        let marked = format!("{}{{{}}}{}", spaces[6], fields.join(","), spaces[7]);
        let (client, expected) = spliced(&marked);

        let whole = format!("{}{{\"choices\":[{{\"x\":{answer}}}]{}}}", spaces[7], spaces[6]);
        let line = answer.replace(['\r', '\n'], " ");
        let stream = format!("data: {{\"x\":{line},\"choices\":[{{\"finish_reason\":\"stop\"}}]}}\n\n{DONE}");
        let (answer, sent) = if streamed { (Answer::sse(stream.clone()), stream) } else { (Answer::json(200, &whole), whole) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (request, answered) = runtime.block_on(exchange(answer, client));
        prop_assert_eq!(&request.body, &expected);
        prop_assert_eq!(answered.text(), &sent);
    }
}

/// What a stream says in all, apart from where its chunks were cut.
fn fold(stream: &str) -> Value {
    let (mut role, mut texts, mut finish, mut usage, mut id, mut end) =
        (0, String::new(), vec![], Value::Null, vec![], Value::Null);
    for event in events(stream) {
        if event == "[DONE]" {
            end = "[DONE]".into();
            continue;
        }
        let chunk: Value = serde_json::from_str(&event).unwrap();
        if chunk.get("error").is_some() {
            end = chunk;
            continue;
        }
        id.push((chunk["id"].clone(), chunk["model"].clone()));
        if !chunk["usage"].is_null() {
            usage = chunk["usage"].clone();
        }
        let Some(choice) = chunk["choices"].get(0) else { continue };
        role += usize::from(choice["delta"]["role"].is_string());
        texts += choice["delta"]["content"].as_str().unwrap_or_default();
        finish.extend(choice["finish_reason"].as_str().map(str::to_owned));
    }
    id.dedup();
    json!({"role": role, "content": texts, "finish": finish, "usage": usage, "id": id, "end": end})
}

/// An answer without what may differ.
fn normal(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("created");
    answer
}

#[tokio::test]
async fn every_golden_exchange_passes() {
    let folder = Path::new("tests/golden/openai");
    let mut exchanges = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".meta.json") else { continue };
        let load = |part: &str| std::fs::read_to_string(folder.join(format!("{name}.{part}"))).ok();
        let parse = |part: &str| load(part).map(|text| serde_json::from_str::<Value>(&text).unwrap());
        let meta = parse("meta.json").unwrap();
        let status = |side: &str| meta[side].as_u64().unwrap_or(200) as u16;
        let answer = match load("response.provider.sse") {
            Some(stream) => Answer::sse(stream),
            None => Answer::json(status("provider_status"), load("response.provider.json").unwrap()),
        };
        let (request, answered) = exchange(answer, load("request.openai.json").unwrap()).await;
        assert_eq!(request.json(), parse("request.provider.json").unwrap(), "{name}");
        let path = meta["provider_path"].as_str().unwrap_or("/chat/completions");
        assert_eq!(request.path_and_query(), format!("/v1{path}"), "{name}");
        assert_eq!(answered.status.as_u16(), status("openai_status"), "{name}");
        match load("response.openai.sse") {
            Some(stream) => assert_eq!(fold(answered.text()), fold(&stream), "{name}"),
            None => assert_eq!(normal(answered.json()), normal(parse("response.openai.json").unwrap()), "{name}"),
        }
        exchanges += 1;
    }
    assert_eq!(exchanges, 6);
}
