//! From an [`Answer`] to an HTTP response.

use std::io;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use serde_json::Value;

use super::answer::{Fault, Kind};
use super::body::End;
use super::protocol::{Draft, Protocol, Refusal, Reply, tokens};
use super::{Answer, Chunking, MockBody, Recorded};

const EVENTS: &str = "text/event-stream";
const BINARY_EVENTS: &str = "application/vnd.amazon.eventstream";

/// A response before it is cut.
struct Plain {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// Answers the request that came as the `number`th, or fails as the script says.
pub(super) fn render(
    protocol: &dyn Protocol,
    number: usize,
    request: &Recorded,
    answer: Answer,
) -> io::Result<Response<MockBody>> {
    let Answer { kind, headers, usage, delay_frames, chunking, fault, delay_head: _ } = answer;
    let mut plain = match kind {
        Kind::Fail(kind) => return Err(io::Error::new(kind, "the mock refused the connection")),
        Kind::Raw { status, content_type, body } => raw(status, content_type, body)?,
        Kind::Refusal(refusal) => refuse(protocol, number, &refusal)?,
        Kind::Text(text) => speak(protocol, number, request, Reply::Text(text), usage)?,
        Kind::ToolCall { name, arguments } => speak(protocol, number, request, Reply::Tool { name, arguments }, usage)?,
        Kind::Echo => match echo(protocol, request) {
            Ok(reply) => speak(protocol, number, request, reply, usage)?,
            Err(refusal) => refuse(protocol, number, &refusal)?,
        },
    };
    script_headers(&mut plain.headers, headers)?;

    let events = events_of(&plain.headers);
    let streams = events.is_some();
    let chunking = chunking.or(events).unwrap_or(Chunking::Whole);
    let length = plain.body.len();
    let (kept, end) = match fault {
        None => (length, End::Clean),
        Some(Fault::End(at)) => (at.min(length), End::Clean),
        Some(Fault::Cut(at)) => (at.min(length), End::Reset),
        Some(Fault::Stall(at)) => (at.min(length), End::Stall),
    };
    let announced = (!streams && !matches!(fault, Some(Fault::End(_)))).then_some(length);
    if let Some(length) = announced {
        plain.headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }

    let body = MockBody::new(plain.body.slice(..kept), chunking, end, announced, delay_frames);
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(plain.status).map_err(bad_script)?;
    *response.headers_mut() = plain.headers;
    Ok(response)
}

/// Where a body of this type is cut, if it is a stream of events.
fn events_of(headers: &HeaderMap) -> Option<Chunking> {
    let is = |name: &str| headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(name.as_bytes()));
    is(EVENTS).then_some(Chunking::Events).or(is(BINARY_EVENTS).then_some(Chunking::BinaryEvents))
}

/// What a provider does with the request, if it takes it.
fn echo(protocol: &dyn Protocol, recorded: &Recorded) -> Result<Reply, Refusal> {
    let path = recorded.uri.path();
    if !protocol.serves(path) {
        return Err(protocol.unknown(path));
    }
    if recorded.method != Method::POST {
        return Err(Refusal::new(405, "This method is not allowed here; use POST.").code("method_not_supported"));
    }
    let request = recorded.json();
    protocol.check(&request)?;
    Ok(protocol.reply(&request))
}

/// Puts a reply into the protocol's words.
fn speak(
    protocol: &dyn Protocol,
    number: usize,
    recorded: &Recorded,
    reply: Reply,
    usage: Option<(u64, u64)>,
) -> io::Result<Plain> {
    let request = &recorded.json();
    let (input_tokens, output_tokens) =
        usage.unwrap_or_else(|| (tokens(&protocol.prompt(request)), tokens(&reply.billed())));
    let path = recorded.uri.path();
    let draft = Draft { number, path, request, reply, input_tokens, output_tokens };
    if !protocol.streams(path, request) {
        return whole(protocol, number, 200, &protocol.unary(&draft));
    }
    let mut plain = raw(200, Some(protocol.stream_type().to_owned()), protocol.stream(&draft))?;
    plain.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    identify(&mut plain, protocol, number)?;
    Ok(plain)
}

fn refuse(protocol: &dyn Protocol, number: usize, refusal: &Refusal) -> io::Result<Plain> {
    let mut plain = whole(protocol, number, refusal.status, &protocol.error(refusal, number))?;
    if let Some((name, value)) = protocol.error_header(refusal) {
        plain.headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).map_err(bad_script)?);
    }
    Ok(plain)
}

fn whole(protocol: &dyn Protocol, number: usize, status: u16, body: &Value) -> io::Result<Plain> {
    let mut plain = raw(status, Some("application/json".to_owned()), body.to_string().into())?;
    identify(&mut plain, protocol, number)?;
    Ok(plain)
}

fn raw(status: u16, content_type: Option<String>, body: Bytes) -> io::Result<Plain> {
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::try_from(content_type).map_err(bad_script)?);
    }
    Ok(Plain { status, headers, body })
}

fn identify(plain: &mut Plain, protocol: &dyn Protocol, number: usize) -> io::Result<()> {
    let id = HeaderValue::try_from(format!("req_mock_{number}")).map_err(bad_script)?;
    plain.headers.insert(HeaderName::from_static(protocol.id_header()), id);
    Ok(())
}

/// The script's headers take the place of ours.
fn script_headers(headers: &mut HeaderMap, script: Vec<(String, String)>) -> io::Result<()> {
    let mut scripted = HeaderMap::new();
    for (name, value) in script {
        let name = HeaderName::try_from(name).map_err(bad_script)?;
        scripted.append(name, HeaderValue::from_bytes(value.as_bytes()).map_err(bad_script)?);
    }
    headers.extend(scripted);
    Ok(())
}

fn bad_script(error: impl Into<crate::BoxError>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ask, bytes, hello};
    use super::super::{Answer, Mock};

    #[tokio::test]
    async fn the_script_has_the_last_word_on_headers() {
        let mock = Mock::openai();
        mock.answer(
            Answer::error(429)
                .header("retry-after", "2")
                .header("content-type", "text/html")
                .header("x", "1")
                .header("x", "2"),
        );
        let response = ask(&mock, "/v1/chat/completions", &hello()).await;
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers().get_all("content-type").iter().collect::<Vec<_>>(), ["text/html"]);
        assert_eq!(response.headers().get_all("x").iter().count(), 2);
        assert_eq!(response.headers()["x-request-id"], "req_mock_1");
    }

    #[tokio::test]
    async fn any_bytes_of_any_type_go_out_as_they_are() {
        let mock = Mock::anthropic();
        mock.answer(Answer::raw(502, "text/html", "<h1>Bad</h1>")).answer(Answer::raw(200, "a/b", vec![0xff, 0x00]));
        mock.answer(Answer::status(503)).answer(Answer::json(200, "{\"cut")).answer(Answer::sse("data: x"));
        let mut seen = Vec::new();
        for _ in 0..5 {
            let response = ask(&mock, "/anywhere", &hello()).await;
            let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            let (status, kind, length) = (response.status().as_u16(), header("content-type"), header("content-length"));
            seen.push((status, kind.unwrap_or_default(), length.unwrap_or_default(), bytes(response).await.unwrap()));
        }
        let expected: [(u16, &str, &str, &[u8]); 5] = [
            (502, "text/html", "12", b"<h1>Bad</h1>"),
            (200, "a/b", "2", &[0xff, 0x00]),
            (503, "", "0", b""),
            (200, "application/json", "5", b"{\"cut"),
            (200, "text/event-stream", "", b"data: x"),
        ];
        for (seen, expected) in seen.iter().zip(expected) {
            assert_eq!((seen.0, &*seen.1, &*seen.2, &seen.3[..]), expected);
        }
    }
}
