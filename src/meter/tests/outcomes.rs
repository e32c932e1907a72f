//! Whatever happens, there is one receipt, and it says what happened.

use std::future::pending;
use std::io;

use http::StatusCode;
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::auth::Principal;
use crate::error::{ApiError, BoxError};
use crate::usage::{Served, UsageSource};

fn end(receipt: &Receipt) -> (u16, Outcome, Option<&str>) {
    (receipt.status.as_u16(), receipt.outcome, receipt.reason.as_deref())
}

#[tokio::test]
async fn an_answer_is_in_the_book_before_its_last_byte_is_out() {
    let (book, clock) = (Book::default(), clock());
    let time = clock.clone();
    let service = service_fn(move |_: Request<ChatRequest>| {
        time.advance(Duration::from_millis(20));
        std::future::ready(Ok::<_, Infallible>(json(WHOLE)))
    });
    let mut request = ask();
    request.extensions_mut().insert(Principal::new("alice"));
    let mut response = layer(&book).clock(clock.clone()).layer(service).oneshot(request).await.unwrap();
    assert_eq!(book.count(), 0);
    clock.advance(Duration::from_millis(5));
    response.body_mut().frame().await.unwrap().unwrap();
    let receipt = book.only();
    drop(response.into_body());

    assert_eq!(end(&receipt), (200, Outcome::Complete, None));
    assert_eq!((receipt.usage, receipt.usage_source), (tokens(3, 1), UsageSource::Reported));
    assert_eq!(receipt.cost, Some(3 * NANO_IN + NANO_OUT));
    assert_eq!((receipt.key.as_deref(), &*receipt.model, receipt.provider.as_deref()), (Some("alice"), "m", None));
    assert_eq!((receipt.served_model.as_deref(), receipt.upstream_model.as_deref()), (Some("m"), Some("m-2026")));
    assert_eq!((receipt.finish_reason.as_deref(), receipt.tries.len()), (Some("stop"), 1));
    let millis = Duration::from_millis;
    assert_eq!((receipt.first_byte, receipt.first_token), (Some(millis(20)), Some(millis(25))));
    assert_eq!((receipt.time, receipt.duration), (Duration::from_secs(1_795_341_600), millis(25)));
    assert_eq!(book.count(), 1);
}

#[tokio::test]
async fn a_stream_ends_with_its_last_frame() {
    let book = Book::default();
    let service = service_fn(async |_| Ok::<_, Infallible>(stream(&[EVENT, FINISH, USAGE, DONE])));
    let mut body = layer(&book).layer(service).oneshot(ask()).await.unwrap().into_body();
    while body.frame().await.is_some() {}
    let receipt = book.only();
    assert_eq!(end(&receipt), (200, Outcome::Complete, None));
    assert_eq!((receipt.usage, receipt.usage_source), (tokens(30, 10), UsageSource::Reported));
}

#[tokio::test]
async fn the_first_token_is_when_the_first_frame_came() {
    let (book, clock) = (Book::default(), clock());
    let service = service_fn(async |_| Ok::<_, Infallible>(stream(&[EVENT, EVENT, FINISH, USAGE, DONE])));
    let mut body = layer(&book).clock(clock.clone()).layer(service).oneshot(ask()).await.unwrap().into_body();
    for _ in 0..5 {
        assert_eq!(book.count(), 0, "it goes on");
        clock.advance(Duration::from_millis(10));
        body.frame().await.unwrap().unwrap();
    }
    assert!(body.frame().await.is_none());
    let receipt = book.only();
    assert_eq!((receipt.first_byte, receipt.first_token), (Some(Duration::ZERO), Some(Duration::from_millis(10))));
    assert_eq!(receipt.duration, Duration::from_millis(50));
}

#[tokio::test]
async fn a_client_that_leaves_pays_for_what_it_got() {
    for taken in 0..4 {
        let book = Book::default();
        let service = service_fn(async |_| Ok::<_, Infallible>(stream(&[EVENT; 9])));
        let mut body = layer(&book).layer(service).oneshot(ask()).await.unwrap().into_body();
        for _ in 0..taken {
            body.frame().await.unwrap().unwrap();
        }
        assert_eq!(book.count(), 0);
        drop(body);
        let receipt = book.only();
        assert_eq!(end(&receipt), (200, Outcome::Aborted, Some("client_aborted")));
        assert_eq!((receipt.usage, receipt.usage_source), (tokens(prompt(), 2 * taken), UsageSource::Estimated));
        assert_eq!(receipt.cost, Some(prompt() * NANO_IN + 2 * taken * NANO_OUT));
    }
}

#[tokio::test]
async fn who_leaves_before_the_head_pays_for_what_was_sent() {
    for was_sent in [false, true] {
        let book = Book::default();
        let silent = service_fn(move |request: Request<ChatRequest>| {
            if was_sent {
                begin(&request, "m");
            }
            pending::<Result<Response<Empty<Bytes>>, Infallible>>()
        });
        let mut call = tokio_test::task::spawn(layer(&book).layer(silent).oneshot(ask()));
        assert!(call.poll().is_pending());
        drop(call);
        let receipt = book.only();
        assert_eq!(end(&receipt), (499, Outcome::Aborted, Some("client_aborted")));
        let expected = if was_sent { tokens(prompt(), 0) } else { Usage::default() };
        assert_eq!((receipt.usage, receipt.tries.len()), (expected, usize::from(was_sent)));
        assert_eq!((receipt.first_byte, receipt.provider.as_deref()), (None, was_sent.then_some("p")));
    }
}

/// The receipt of a request that this is the answer to.
async fn receipt_of<B, E>(answer: impl Fn(&Request<ChatRequest>) -> Result<Response<B>, E> + Clone) -> Receipt
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    E: Into<BoxError> + Send + 'static,
{
    let book = Book::default();
    let service = service_fn(|request: Request<ChatRequest>| std::future::ready(answer(&request)));
    if let Ok(response) = layer(&book).layer(service).oneshot(ask()).await {
        let _ = response.into_body().collect().await;
    }
    book.only()
}

#[tokio::test]
async fn what_we_refused_and_what_failed_are_told_apart() {
    for (error, outcome) in [
        (ApiError::model_not_found("x"), Outcome::Refused),
        (ApiError::unsupported_parameter("n"), Outcome::Refused),
        (ApiError::overloaded("x"), Outcome::Refused),
        (ApiError::internal(), Outcome::Failed),
        (ApiError::timeout(), Outcome::Failed),
    ] {
        let status = error.status().as_u16();
        let code = error.code().unwrap().to_owned();
        let by_us = receipt_of(|_| Ok::<_, Infallible>(error.clone().into_response::<Empty<Bytes>>())).await;
        assert_eq!((by_us.status.as_u16(), by_us.outcome), (status, outcome));
        assert_eq!((by_us.error_code.as_deref(), by_us.cost), (Some(&*code), Some(0)));
        assert!(by_us.tries.is_empty() && by_us.provider.is_none());
        if outcome == Outcome::Refused {
            assert_eq!(by_us.reason, by_us.error_code);
        }

        let upstream = receipt_of(|request| {
            let (attempts, number, cell) = begin(request, "m");
            attempts.answered(number, error.status());
            cell.record(|seen| seen.fail(&error));
            let mut response = error.clone().into_response::<Empty<Bytes>>();
            response.extensions_mut().insert(cell);
            Ok::<_, Infallible>(response)
        })
        .await;
        assert_eq!((upstream.status.as_u16(), upstream.outcome), (status, Outcome::Failed));
        let used = if code == "timeout" { prompt() } else { 0 };
        assert_eq!((upstream.usage.input, upstream.tries.len(), upstream.provider.as_deref()), (used, 1, Some("p")));
    }
    let bare =
        receipt_of(|_| Ok::<_, Infallible>(Response::builder().status(401).body(Empty::<Bytes>::new()).unwrap()));
    assert_eq!(end(&bare.await), (401, Outcome::Refused, None));
}

#[tokio::test]
async fn an_error_of_the_connection_has_the_clients_status_and_goes_on_with_our_id() {
    let book = Book::default();
    let service = service_fn(async |request: Request<ChatRequest>| {
        let (attempts, number, _) = begin(&request, "m");
        attempts.broke(number);
        Err::<Response<Empty<Bytes>>, _>(io::Error::from(io::ErrorKind::ConnectionRefused))
    });
    let error = layer(&book).layer(service).oneshot(ask()).await.unwrap_err().downcast::<ApiError>().unwrap();
    let receipt = book.only();
    assert_eq!(end(&receipt), (502, Outcome::Failed, Some("upstream_unreachable")));
    assert_eq!((receipt.usage, receipt.usage_source, receipt.cost), (Usage::default(), UsageSource::None, Some(0)));
    assert_eq!(error.headers()["x-request-id"].to_str().unwrap(), &*receipt.id);

    let slow = receipt_of(|request| {
        begin(request, "m");
        Err::<Response<Empty<Bytes>>, BoxError>(Box::new(tower::timeout::error::Elapsed::new()))
    });
    let slow = slow.await;
    assert_eq!(end(&slow), (504, Outcome::Failed, Some("upstream_timeout")));
    assert_eq!((slow.usage, slow.usage_source), (tokens(prompt(), 0), UsageSource::Estimated));
}

#[tokio::test]
async fn a_stream_that_breaks_has_failed_though_the_client_saw_200() {
    let broken = receipt_of(|_| Ok::<_, Infallible>(stream(&[EVENT]))).await;
    assert_eq!(end(&broken), (200, Outcome::Failed, Some("upstream_error")));
    assert_eq!((broken.usage, broken.usage_source), (tokens(prompt(), 2), UsageSource::Estimated));
}

#[tokio::test]
async fn a_body_with_nothing_in_it_is_complete() {
    let book = Book::default();
    let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
    drop(layer(&book).layer(service).oneshot(ask()).await.unwrap());
    assert_eq!(book.only().outcome, Outcome::Complete, "nobody polls an empty body");
}

#[tokio::test]
async fn all_attempts_are_paid_each_at_its_price() {
    let two = |second: &'static str| {
        receipt_of(move |request| {
            let (attempts, number, cell) = begin(request, "m");
            attempts.answered(number, StatusCode::OK);
            cell.record(|seen| {
                seen.usage = Some(tokens(7, 1));
                seen.fail(&ApiError::upstream_broke_off());
            });
            let (attempts, number, cell) = begin(request, second);
            attempts.answered(number, StatusCode::OK);
            cell.record(|seen| (seen.usage, seen.complete) = (Some(tokens(100, 10)), true));
            let mut response = json(WHOLE);
            response.extensions_mut().insert(cell);
            Ok::<_, Infallible>(response)
        })
    };
    let receipt = two("m").await;
    assert_eq!(end(&receipt), (200, Outcome::Complete, None));
    assert_eq!((receipt.usage, receipt.usage_source), (tokens(107, 11), UsageSource::Partial));
    assert_eq!(receipt.cost, Some(107 * NANO_IN + 11 * NANO_OUT));
    let costs: Vec<_> = receipt.tries.iter().map(|tried| (tried.cost, tried.error_code.as_deref())).collect();
    assert_eq!(costs[0], (Some(7 * NANO_IN + NANO_OUT), Some("upstream_error")));
    assert_eq!(costs[1], (Some(100 * NANO_IN + 10 * NANO_OUT), None));
    assert_eq!(two("unpriced").await.cost, None, "what is unknown is not zero");
}

#[tokio::test]
async fn the_configured_model_that_served_is_paid() {
    let receipt = receipt_of(|_| {
        let mut response = json(WHOLE);
        response.extensions_mut().insert(Served::new("p", "other"));
        Ok::<_, Infallible>(response)
    });
    let receipt = receipt.await;
    assert_eq!((receipt.provider.as_deref(), receipt.served_model.as_deref()), (Some("p"), Some("other")));
    assert_eq!((receipt.cost, receipt.price), (None, None));
}

#[tokio::test]
async fn each_response_has_an_id_and_only_one_layer_sets_it() {
    let book = Book::default();
    let refuses = service_fn(async |_| Ok::<_, Infallible>(ApiError::internal().into_response::<Empty<Bytes>>()));
    let mut service = layer(&book).layer(refuses);
    let response = service.ready().await.unwrap().call(ask()).await.unwrap();
    assert_eq!(response.headers()["x-request-id"].to_str().unwrap(), &*book.only().id);

    let mut named = ask();
    named.headers_mut().insert("x-request-id", "mine".parse().unwrap());
    let response = service.ready().await.unwrap().call(named).await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "mine");
    let receipt = book.0.lock().unwrap()[1].clone();
    assert_eq!(receipt.client_request_id.as_deref(), Some("mine"));
    assert!(receipt.id.starts_with("req_"));

    let outside = RequestIdLayer::new().layer(service).oneshot(ask()).await.unwrap();
    let receipt = book.0.lock().unwrap()[2].clone();
    assert_eq!(outside.headers()["x-request-id"].to_str().unwrap(), &*receipt.id);
}

#[tokio::test]
async fn a_request_that_comes_again_has_another_receipt_with_its_own_attempts() {
    let book = Book::default();
    let service = service_fn(async |request: Request<ChatRequest>| {
        let (attempts, number, cell) = begin(&request, "m");
        attempts.answered(number, StatusCode::OK);
        cell.record(|seen| (seen.usage, seen.complete) = (Some(tokens(100, 10)), true));
        let mut response = json(WHOLE);
        response.extensions_mut().insert(cell);
        Ok::<_, Infallible>(response)
    });
    // As a retry outside does it: the clones share their extensions.
    let mut request = ask();
    request.extensions_mut().insert(Attempts::new());
    let id = RequestId::new(request.headers());
    request.extensions_mut().insert(id);
    for _ in 0..2 {
        let response = layer(&book).layer(service).oneshot(request.clone()).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let receipts = book.0.lock().unwrap().clone();
    assert_ne!(receipts[0].id, receipts[1].id);
    for receipt in receipts {
        assert_eq!((receipt.tries.len(), receipt.usage), (1, tokens(100, 10)));
    }
}

#[tokio::test]
async fn tags_are_the_hosts_and_the_clients() {
    let book = Book::default();
    let body = r#"{"model":"m","messages":[{"role":"user"}],"user":"u","metadata":{"team":"x"}}"#;
    for keep in [true, false] {
        let layer = layer(&book).client_tags(keep).tags(|_| vec![("plan".into(), "gold".into())]);
        let service = layer.layer(service_fn(async |_| Ok::<_, Infallible>(json(WHOLE))));
        drop(service.oneshot(Request::new(ChatRequest::from_bytes(body).unwrap())).await.unwrap());
    }
    let names = |at: usize| {
        let receipts = book.0.lock().unwrap();
        receipts[at].tags.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(names(0), ["plan=gold", "metadata.team=x", "user=u"]);
    assert_eq!(names(1), ["plan=gold"]);
}

/// Somebody tried, failed, and tries again.
#[tokio::test]
async fn who_leaves_between_two_tries_has_left() {
    let book = Book::default();
    let service = service_fn(|request: Request<ChatRequest>| {
        let (attempts, number, cell) = begin(&request, "m");
        attempts.answered(number, StatusCode::BAD_GATEWAY);
        cell.record(|seen| seen.fail(&ApiError::upstream_error("x")));
        pending::<Result<Response<Empty<Bytes>>, Infallible>>()
    });
    let mut call = tokio_test::task::spawn(layer(&book).layer(service).oneshot(ask()));
    assert!(call.poll().is_pending());
    drop(call);
    let receipt = book.only();
    assert_eq!(end(&receipt), (499, Outcome::Aborted, Some("client_aborted")));
    assert_eq!(receipt.tries[0].reason.as_deref(), Some("upstream_error"));
}

/// The last that a client hears of a broken stream is an error event, after which it may close.
#[tokio::test]
async fn who_leaves_an_answer_that_has_failed_was_failed() {
    let book = Book::default();
    let service = service_fn(async |request: Request<ChatRequest>| {
        let (attempts, number, cell) = begin(&request, "m");
        attempts.answered(number, StatusCode::OK);
        cell.record(|seen| seen.fail(&ApiError::upstream_error("x")));
        let mut response = stream(&[EVENT, EVENT]);
        response.extensions_mut().insert(cell);
        Ok::<_, Infallible>(response)
    });
    let mut body = layer(&book).layer(service).oneshot(ask()).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(end(&book.only()), (200, Outcome::Failed, Some("upstream_error")));
}

#[tokio::test]
async fn an_error_that_nobody_listed_has_its_word_too() {
    let slow = receipt_of(|_| Err::<Response<Empty<Bytes>>, BoxError>(Box::new(tower::timeout::error::Elapsed::new())));
    let slow = slow.await;
    assert_eq!(end(&slow), (504, Outcome::Failed, Some("upstream_timeout")));
    assert_eq!((slow.error_code.as_deref(), slow.tries.len()), (Some("timeout"), 0));
}

/// A decoder has the whole answer, and its provider's body does not end.
#[tokio::test]
async fn what_a_decoder_has_seen_whole_is_in_the_book_before_the_body_ends() {
    let book = Book::default();
    let service = service_fn(async |request: Request<ChatRequest>| {
        let (attempts, number, cell) = begin(&request, "m");
        attempts.answered(number, StatusCode::OK);
        cell.record(|seen| (seen.usage, seen.complete) = (Some(tokens(3, 1)), true));
        let mut response = stream(&[EVENT, EVENT]);
        response.extensions_mut().insert(cell);
        Ok::<_, Infallible>(response)
    });
    let mut body = layer(&book).layer(service).oneshot(ask()).await.unwrap().into_body();
    let receipt = book.only();
    assert_eq!((end(&receipt), receipt.usage), ((200, Outcome::Complete, None), tokens(3, 1)));
    assert_eq!(receipt.first_token, Some(receipt.duration));
    body.frame().await.unwrap().unwrap();
    assert!(body.frame().await.is_some(), "the rest passes");
}

#[tokio::test]
async fn a_body_says_how_long_it_is_and_when_it_ends() {
    let book = Book::default();
    let service = service_fn(async |_| Ok::<_, Infallible>(json(WHOLE)));
    let mut body = layer(&book).layer(service).oneshot(ask()).await.unwrap().into_body();
    assert_eq!((body.is_end_stream(), body.size_hint().exact()), (false, Some(WHOLE.len() as u64)));
    body.frame().await.unwrap().unwrap();
    assert_eq!((body.is_end_stream(), body.size_hint().exact()), (true, Some(0)));
}

#[tokio::test]
async fn it_is_ready_when_what_is_inside_is() {
    let limited = ConcurrencyLimitLayer::new(1).layer(service_fn(async |_| Ok::<_, Infallible>(json(WHOLE))));
    let mut service = layer(&Book::default()).layer(limited);
    let call = service.ready().await.unwrap().call(ask());
    assert!(tokio_test::task::spawn(service.ready()).poll().is_pending());
    drop(call);
    assert!(tokio_test::task::spawn(service.ready()).poll().is_ready());
}
