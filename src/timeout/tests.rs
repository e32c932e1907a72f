use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{Instant, sleep};
use tokio_stream::StreamExt;
use tower::{Layer, ServiceExt, service_fn};

use super::TimeoutLayer;
use crate::chat::{ChatLayer, ChatRequest, Tap};
use crate::error::{ApiError, BoxError};
use crate::mock::{Answer, Mock};
use crate::translate::{Anthropic, OpenAi, TranslateLayer};
use crate::usage::UsageCell;

const SECOND: Duration = Duration::from_secs(1);

fn ask(stream: bool) -> Request<ChatRequest> {
    let chat = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],"stream":{stream}}}"#);
    Request::new(ChatRequest::from_bytes(chat).unwrap())
}

/// An answer whose head takes `head` seconds, and whose pieces take their seconds each; then nothing more, for ever.
type Script = (u64, &'static str, &'static [(u64, &'static str)]);

fn body(pieces: &'static [(u64, &'static str)]) -> impl Body<Data = Bytes, Error = Infallible> {
    let pieces = tokio_stream::iter(pieces).then(|(pause, piece)| async move {
        sleep(SECOND * *pause as u32).await;
        Ok(Frame::data(Bytes::from(*piece)))
    });
    StreamBody::new(pieces.chain(tokio_stream::pending()))
}

/// After how many seconds it ended, with which pieces and for which reason.
async fn run(layer: TimeoutLayer, stream: bool, (head, kind, pieces): Script) -> (u64, usize, Option<&'static str>) {
    let begin = Instant::now();
    let service = service_fn(async |_: Request<ChatRequest>| {
        sleep(SECOND * head as u32).await;
        let response = Response::builder().header("content-type", kind).body(body(pieces)).unwrap();
        Ok::<_, Infallible>(response)
    });
    let reason = |error: BoxError| error.downcast::<ApiError>().unwrap().reason();
    let answer = async {
        let mut body = match layer.layer(service).oneshot(ask(stream)).await {
            Ok(response) => Box::pin(response.into_body()),
            Err(error) => return (0, reason(error)),
        };
        let mut count = 0;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(_) => count += 1,
                Err(error) => {
                    assert!(body.is_end_stream() && body.frame().await.is_none());
                    return (count, reason(error));
                }
            }
        }
        (count, None)
    };
    let (count, reason) = tokio::time::timeout(SECOND * 1000, answer).await.unwrap_or_default();
    (begin.elapsed().as_secs(), count, reason)
}

const SSE: &str = "text/event-stream";
const JSON: &str = "application/json";

fn all() -> TimeoutLayer {
    TimeoutLayer::new().first_byte(SECOND * 10).first_token(SECOND * 20).idle(SECOND * 30).total(SECOND * 100)
}

#[tokio::test(start_paused = true)]
async fn what_is_there_in_time_may_give_way_once() {
    let service = service_fn(async |_: Request<ChatRequest>| {
        sleep(SECOND * 10).await;
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(Response::new(body(&[])))
    });
    assert!(all().layer(service).oneshot(ask(false)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn each_kind_has_its_time_and_its_reason() {
    let none = TimeoutLayer::new;
    let cases: [(&str, TimeoutLayer, bool, Script, _); 14] = [
        ("no limits", none(), true, (60, SSE, &[(60, "data: a\n\n")]), (1000, 0, None)),
        ("no head", all(), true, (11, SSE, &[]), (10, 0, Some("first_byte_timeout"))),
        ("no head of a whole one", all(), false, (11, JSON, &[]), (10, 0, Some("first_byte_timeout"))),
        ("no event", all(), true, (9, SSE, &[]), (20, 0, Some("first_token_timeout"))),
        (
            "comments only",
            all(),
            true,
            (9, SSE, &[(5, ": a\n\n"), (5, ": b\n\n")]),
            (20, 2, Some("first_token_timeout")),
        ),
        ("a head in vain", none().first_token(SECOND * 5), true, (6, SSE, &[]), (5, 0, Some("first_token_timeout"))),
        ("no stream, no token", all(), false, (9, JSON, &[]), (39, 0, Some("idle_timeout"))),
        ("no stream though asked for", all(), true, (9, JSON, &[(29, "{")]), (68, 1, Some("idle_timeout"))),
        ("silence", all(), true, (9, SSE, &[(1, "data: a\n\n"), (29, "data: b\n\n")]), (69, 2, Some("idle_timeout"))),
        (
            "comments are silence",
            all(),
            true,
            (9, SSE, &[(1, "data: a\n\n"), (20, ": ping\n\n"), (20, "data: late\n\n")]),
            (40, 2, Some("idle_timeout")),
        ),
        (
            "also in two pieces",
            all(),
            true,
            (9, SSE, &[(1, "data: a\n\n: pi"), (20, "ng\n\n"), (20, "data: late\n\n")]),
            (40, 2, Some("idle_timeout")),
        ),
        (
            "in all",
            all(),
            true,
            (0, SSE, &[(19, "data: a\n\n"), (29, "data: b\n\n"), (29, "data: c\n\n"), (29, "data: d\n\n")]),
            (100, 3, Some("total_timeout")),
        ),
        ("in all, before the head", all().total(SECOND * 7), true, (9, SSE, &[]), (7, 0, Some("total_timeout"))),
        ("too far away", none().total(Duration::MAX).idle(Duration::MAX), true, (9, SSE, &[]), (1000, 0, None)),
    ];
    for (name, layer, stream, script, expected) in cases {
        assert_eq!(run(layer, stream, script).await, expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_flood_ends_in_time_too() {
    let flood = service_fn(async |_: Request<ChatRequest>| {
        let frames = tokio_stream::iter(std::iter::repeat(())).then(async |()| {
            tokio::time::advance(SECOND).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from("data: x\n\n")))
        });
        Ok::<_, Infallible>(Response::builder().header("content-type", SSE).body(StreamBody::new(frames)).unwrap())
    });
    let response = TimeoutLayer::new().total(SECOND * 5).layer(flood).oneshot(ask(true)).await.unwrap();
    let mut body = Box::pin(response.into_body());
    let mut count = 0;
    while body.frame().await.unwrap().is_ok() {
        count += 1;
    }
    assert_eq!(count, 4);
}

#[tokio::test(start_paused = true)]
async fn the_idle_clock_stands_still_while_the_client_does_not_read() {
    let silent = service_fn(async |_: Request<ChatRequest>| {
        let body = body(&[(0, "data: a\n\n"), (20, ": ping\n\n"), (5, ": ping\n\n")]);
        Ok::<_, Infallible>(Response::builder().header("content-type", SSE).body(body).unwrap())
    });
    let response = TimeoutLayer::new().idle(SECOND * 30).layer(silent).oneshot(ask(true)).await.unwrap();
    let mut body = pin!(response.into_body());
    for pause in [100, 50, 50] {
        body.frame().await.unwrap().unwrap();
        sleep(SECOND * pause).await;
    }
    let begin = Instant::now();
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(begin.elapsed(), SECOND * 5, "25 of 30 seconds were waited already");
}

/// The events of a stream, and what was seen of it by the layers outside.
async fn through(layer: TimeoutLayer, mock: Mock, claude: bool) -> (u16, String, Option<String>, Duration) {
    let begin = Instant::now();
    let post = Request::post("/").body(String::from_utf8(ask(true).into_body().to_bytes().to_vec()).unwrap()).unwrap();
    let response = if claude {
        let model = TranslateLayer::new(Anthropic::new("http://mock").unwrap()).layer(mock);
        ChatLayer::new().layer(layer.layer(model)).oneshot(post).await.unwrap().map(|body| body.boxed_unsync())
    } else {
        let model = TranslateLayer::new(OpenAi::new("http://mock/v1").unwrap()).layer(mock);
        ChatLayer::new().layer(layer.layer(model)).oneshot(post).await.unwrap().map(|body| body.boxed_unsync())
    };
    let cell = response.extensions().get::<UsageCell>().cloned().unwrap_or_default();
    let status = response.status().as_u16();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(text.to_vec()).unwrap(), cell.observed().failure, begin.elapsed())
}

#[tokio::test(start_paused = true)]
async fn pings_of_anthropic_and_an_open_stream_are_no_token() {
    let start = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",",
        "\"role\":\"assistant\",\"content\":[],\"model\":\"c\",\"stop_reason\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    );
    let text = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n";
    let ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
    let pings = ping.repeat(50);
    let layer = || TimeoutLayer::new().first_byte(SECOND * 10).first_token(SECOND * 15).idle(SECOND * 20);
    for (events, reason, seconds) in
        [(format!("{start}{pings}"), "first_token_timeout", 15), (format!("{start}{text}{pings}"), "idle_timeout", 26)]
    {
        let mock = Mock::anthropic();
        mock.answer(Answer::sse(events).delay_frames(SECOND * 2));
        let (status, answer, failure, took) = through(layer(), mock.clone(), true).await;
        assert_eq!((status, failure.as_deref(), took.as_secs()), (200, Some(reason), seconds), "{answer}");
        let last = answer.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.starts_with("data: {\"error\":") && last.contains("\"code\":\"timeout\""), "{answer}");
        assert!(!answer.contains("[DONE]") && !answer.contains("finish_reason\":\"stop"));
        assert_eq!((mock.in_flight(), mock.dropped()), (0, 1), "the provider is let go");
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_first_byte_it_is_a_504() {
    for answer in [Answer::echo().delay_head(Duration::MAX), Answer::sse(": wait\n\n").stall_after(8)] {
        let mock = Mock::openai();
        mock.answer(answer);
        let (status, answer, _, took) = through(all(), mock.clone(), false).await;
        assert_eq!((status, took.as_secs()), (504, 10), "{answer}");
        assert!(answer.contains("\"code\":\"timeout\""), "{answer}");
        assert_eq!((mock.in_flight(), mock.dropped()), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_decoder_a_tap_inside_says_when_the_first_token_is_there() {
    let role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
    let thinking = service_fn(async |_: Request<ChatRequest>| {
        let response = Response::builder().header("content-type", SSE).body(body(&[]));
        Ok::<_, Infallible>(response.unwrap())
    });
    let thinking = thinking.map_response(move |response: Response<_>| {
        let first = StreamBody::new(tokio_stream::once(Ok::<_, Infallible>(Frame::data(Bytes::from(role)))));
        let (head, rest) = response.into_parts();
        let frames = http_body_util::BodyStream::new(first).chain(http_body_util::BodyStream::new(rest));
        Tap::install(Response::from_parts(head, StreamBody::new(frames)))
    });
    let response = all().layer(thinking).oneshot(ask(true)).await.unwrap();
    let mut body = Box::pin(response.into_body());
    assert!(body.frame().await.unwrap().is_ok());
    let error = body.frame().await.unwrap().unwrap_err().downcast::<ApiError>().unwrap();
    assert_eq!(error.reason(), Some("first_token_timeout"));
}

#[test]
fn what_it_makes_goes_anywhere() {
    fn anywhere<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn send<T: Future + Send>(_: T) {}
    let service = all().layer(Mock::openai());
    anywhere(&service);
    let _ = |model: super::Timeout<crate::translate::Translate<OpenAi, Mock>>| send(model.oneshot(ask(true)));
}
