use std::convert::Infallible;

use http::StatusCode;
use http_body_util::Full;
use tower::{ServiceExt, service_fn};

use super::*;
use crate::auth::{ModelFilter, Principal};
use crate::mock::{Answer, Mock};
use crate::route::testing::{anthropic, ask, openai, read, targets, tried, with};
use crate::route::{Health, Model, ModelRouter};
use crate::usage::Served;

/// A router of `a`, which has `b` and `c` as its fallbacks, on OpenAI's, Anthropic's and OpenAI's protocol.
fn router() -> (ModelRouter, [Mock; 3]) {
    let mocks = [Mock::openai(), Mock::anthropic(), Mock::openai()];
    let router = ModelRouter::new([
        Model::new("a", openai(&mocks[0], "pa")).upstream("up-a").fallbacks(["a", "gone", "b", "c"]),
        Model::new("b", anthropic(&mocks[1], "pb")).upstream("claude-sonnet-4-20250514").fallbacks(["a", "c"]),
        Model::new("c", openai(&mocks[2], "pc")),
    ]);
    (router, mocks)
}

fn received(mocks: &[Mock; 3]) -> [usize; 3] {
    std::array::from_fn(|at| mocks[at].received())
}

#[tokio::test]
async fn a_failure_of_the_provider_is_answered_by_the_next_model() {
    let cut = r#"{"id":"#;
    for (answer, status, failure) in [
        (Answer::refuse(), 0, "upstream_unreachable"),
        (Answer::fail(std::io::ErrorKind::ConnectionReset), 0, "upstream_error"),
        (Answer::fail(std::io::ErrorKind::TimedOut), 0, "timeout"),
        (Answer::error(401), 401, "upstream_auth_error"),
        (Answer::error(403), 403, "upstream_auth_error"),
        (Answer::error(404), 404, "model_not_found"),
        (Answer::error(408), 408, "timeout"),
        (Answer::error(409), 409, ""),
        (Answer::error(429), 429, "rate_limit_exceeded"),
        (Answer::error(500), 500, "upstream_error"),
        (Answer::error(502), 502, "upstream_error"),
        (Answer::error(503), 503, "server_is_overloaded"),
        (Answer::error(504), 504, "timeout"),
        (Answer::error(529), 529, "server_is_overloaded"),
        (Answer::status(302), 302, "upstream_error"),
        (Answer::json(200, cut), 200, "upstream_error"),
        (Answer::json(200, r#"{"error":{"message":"x","type":"server_error"}}"#), 200, "upstream_error"),
        (Answer::sse(": hello\n\n"), 200, "upstream_error"),
    ] {
        for more in ["", r#","stream":true"#] {
            let (router, mocks) = router();
            mocks[0].answer(answer.clone());
            let attempts = Attempts::new();
            let mut request = with("a", more);
            request.extensions_mut().insert(attempts.clone());
            let response = router.oneshot(request).await.unwrap();
            let served = response.extensions().get::<Served>().unwrap();
            assert_eq!((&*served.model, &*served.provider, served.attempts), ("b", "pb", 2), "{answer:?}");
            for (name, value) in [("x-served-model", "b"), ("x-served-provider", "pb"), ("x-served-attempts", "2")] {
                assert_eq!(response.headers()[name], value);
            }
            assert_eq!(read(response).await.0, 200);
            assert_eq!(received(&mocks), [1, 1, 0], "{answer:?}");
            assert_eq!(mocks[1].requests()[0].json()["model"], "claude-sonnet-4-20250514");
            let seen = tried(&attempts);
            assert_eq!((&*seen[0].0, &*seen[0].1, seen[0].2), ("pa", "a", status), "{answer:?}");
            assert!(failure.is_empty() || seen[0].3 == failure, "{answer:?}: {seen:?}");
            assert_eq!(seen[1], ("pb".into(), "b".into(), 200, String::new()));
        }
    }
}

#[tokio::test]
async fn the_clients_own_mistake_is_told_at_once() {
    for status in [400, 413, 422] {
        let (router, mocks) = router();
        mocks[0].answer(Answer::error(status));
        let told = read(router.oneshot(ask("a")).await.unwrap()).await.0;
        assert!(told == 400 || told == 413);
        assert_eq!(received(&mocks), [1, 0, 0]);
    }
    // What the model's own protocol has no words for, others are not asked.
    let (router, mocks) = router();
    let response = router.oneshot(with("b", r#","logprobs":true"#)).await.unwrap();
    assert_eq!(read(response).await, (400, "unsupported_parameter".into()));
    assert_eq!(received(&mocks), [0, 0, 0]);
}

#[tokio::test]
async fn when_all_fail_the_client_hears_of_the_model_it_asked_for() {
    let (router, mocks) = router();
    mocks[0].always(Answer::error(429).header("retry-after", "9"));
    mocks[1].always(Answer::error(500));
    mocks[2].always(Answer::refuse());
    let attempts = Attempts::new();
    let mut request = ask("a");
    request.extensions_mut().insert(attempts.clone());
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["retry-after"], "9");
    assert_eq!(response.headers()["x-served-attempts"], "3");
    assert!(!response.headers().contains_key("x-served-model"));
    assert_eq!(*response.extensions().get::<Served>().unwrap().model, *"a");
    assert_eq!(read(response).await, (429, "rate_limit_exceeded".into()));
    assert_eq!((received(&mocks), attempts.count()), ([1, 1, 1], 3));

    mocks[0].always(Answer::refuse());
    assert!(router.oneshot(ask("a")).await.is_err(), "a transport error stays one");
}

#[tokio::test]
async fn a_fallback_that_cannot_say_it_is_passed_over_and_one_that_refuses_it_is_believed() {
    let (router, mocks) = router();
    mocks[0].answer(Answer::error(500));
    let response = router.clone().oneshot(with("a", r#","logprobs":true"#)).await.unwrap();
    assert_eq!(*response.extensions().get::<Served>().unwrap().model, *"c");
    assert_eq!(received(&mocks), [1, 0, 1]);

    mocks[0].answer(Answer::error(500));
    mocks[1].answer(Answer::error(400));
    assert_eq!(read(router.oneshot(ask("a")).await.unwrap()).await.0, 400);
    assert_eq!(received(&mocks), [2, 1, 1], "the others would say the same");
}

#[tokio::test]
async fn a_key_is_not_served_by_a_model_that_it_may_not_use() {
    for (allowed, expected) in [(&["a", "c"][..], [1, 0, 1]), (&["a"], [1, 0, 0])] {
        let (router, mocks) = router();
        mocks[0].answer(Answer::error(500));
        let mut request = ask("a");
        request.extensions_mut().insert(Principal::new("x").models(ModelFilter::new(allowed.iter().copied())));
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status() == StatusCode::OK, expected[2] == 1);
        assert_eq!(received(&mocks), expected);
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_or_unwanted_has_its_own_list() {
    let error = |code: &str| {
        Answer::json(400, format!(r#"{{"error":{{"message":"x","type":"invalid_request_error","code":"{code}"}}}}"#))
    };
    let mocks = [Mock::openai(), Mock::anthropic(), Mock::openai()];
    let router = ModelRouter::new([
        Model::new("a", openai(&mocks[0], "pa")).context_window_fallbacks(["b", "c"]).content_policy_fallbacks(["c"]),
        Model::new("b", anthropic(&mocks[1], "pb")),
        Model::new("c", openai(&mocks[2], "pc")),
    ]);
    for (code, by) in [("context_length_exceeded", "b"), ("content_filter", "c"), ("content_policy_violation", "c")] {
        mocks[0].answer(error(code));
        let response = router.clone().oneshot(ask("a")).await.unwrap();
        assert_eq!(*response.extensions().get::<Served>().unwrap().model, *by, "{code}");
    }
    mocks[0].answer(error("context_length_exceeded"));
    let long = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#;
    mocks[1].answer(Answer::json(400, long));
    let response = router.clone().oneshot(ask("a")).await.unwrap();
    assert_eq!(*response.extensions().get::<Served>().unwrap().model, *"c", "the next larger one");
    mocks[0].answer(Answer::error(500));
    assert_eq!(router.oneshot(ask("a")).await.unwrap().status(), 502, "there are no fallbacks for this");
}

#[tokio::test]
async fn a_service_of_the_hosts_own_is_an_attempt_too() {
    let fails = service_fn(async |_| Ok::<_, Infallible>(ApiError::internal().into_response::<Full<bytes::Bytes>>()));
    let breaks = service_fn(async |_| Err::<Response<Full<bytes::Bytes>>, _>("broken".to_owned()));
    let full = service_fn(async |_| Err::<Response<Full<bytes::Bytes>>, _>(tower::load_shed::error::Overloaded::new()));
    let refuses = service_fn(async |_| {
        Ok::<_, Infallible>(ApiError::invalid_value("n", "x").into_response::<Full<bytes::Bytes>>())
    });
    let answers = service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::from_static(b"{}")))));
    let router = ModelRouter::new([
        Model::new("fails", fails).fallbacks(["breaks", "full", "answers"]),
        Model::new("breaks", breaks),
        Model::new("full", full),
        Model::new("answers", answers),
        Model::new("refuses", refuses).fallbacks(["answers"]),
    ]);
    let attempts = Attempts::new();
    let mut request = ask("fails");
    request.extensions_mut().insert(attempts.clone());
    let response = router.clone().oneshot(request).await.unwrap();
    let served = response.extensions().get::<Served>().unwrap();
    assert_eq!((&*served.provider, &*served.model, served.attempts), ("in-process", "answers", 3));
    let expected = [("fails", 500, "upstream_error"), ("breaks", 0, "upstream_error"), ("answers", 200, "")];
    let expected = expected.map(|(model, status, failure)| ("in-process".into(), model.into(), status, failure.into()));
    assert_eq!(tried(&attempts), expected);

    let attempts = Attempts::new();
    let mut request = ask("refuses");
    request.extensions_mut().insert(attempts.clone());
    assert_eq!(router.oneshot(request).await.unwrap().status(), 400);
    assert_eq!(attempts.count(), 0, "a refusal is no attempt");
}

#[tokio::test(start_paused = true)]
async fn while_all_targets_of_a_model_rest_its_fallback_is_asked_at_once() {
    let (targets, [a]) = targets(["a"]);
    a.always(Answer::error(500));
    let b = Mock::openai();
    let targets = targets.health(Health::new().failures(1).refuse_when_all_rest());
    let router = ModelRouter::new([
        Model::new("a", targets).fallbacks(["b"]),
        Model::new("b", openai(&b, "pb")).fallbacks(["a"]),
    ]);
    for attempts in [2, 1, 1] {
        let response = router.clone().oneshot(ask("a")).await.unwrap();
        assert_eq!(response.extensions().get::<Served>().unwrap().attempts, attempts);
    }
    assert_eq!((a.received(), b.received()), (1, 3));
}
