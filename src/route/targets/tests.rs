use std::convert::Infallible;
use std::time::Duration;

use http::Response;
use http_body_util::{BodyExt, Full};
use tower::{ServiceExt, service_fn};

use super::*;
use crate::ApiError;
use crate::mock::{Answer, Mock};
use crate::route::testing::{TokioClock, anthropic, ask, openai, read, targets, tried, with};
use crate::usage::Attempts;

async fn send(targets: &Targets) -> (u16, String) {
    read(targets.clone().oneshot(ask("m")).await.unwrap()).await
}

fn received<const N: usize>(mocks: &[Mock; N]) -> [usize; N] {
    std::array::from_fn(|at| mocks[at].received())
}

fn states(targets: &Targets) -> Vec<TargetState> {
    targets.snapshot().into_iter().map(|target| target.state).collect()
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn who_fails_is_passed_over_then_rests_and_is_probed_by_one() {
    let (targets, [a, b]) = targets(["a", "b"]);
    let targets = targets.balance(Balance::InOrder);
    a.always(Answer::error(500));
    for _ in 0..10 {
        assert_eq!(send(&targets).await.0, 200);
    }
    assert_eq!(received(&[a.clone(), b.clone()]), [3, 10], "three failures in a row");
    assert_eq!(states(&targets), [TargetState::Resting(s(5)), TargetState::Ready]);

    tokio::time::advance(s(5)).await;
    assert_eq!(states(&targets)[0], TargetState::HalfOpen);
    a.always(Answer::text("slow").delay_head(s(3)));
    let probe = tokio::spawn({
        let targets = targets.clone();
        async move { send(&targets).await }
    });
    a.wait_for_requests(4).await;
    for _ in 0..10 {
        assert_eq!(send(&targets).await.0, 200);
    }
    assert_eq!((a.received(), states(&targets)[0]), (4, TargetState::HalfOpen), "one probe");
    assert_eq!(probe.await.unwrap().0, 200);
    assert_eq!(states(&targets), [TargetState::Ready, TargetState::Ready]);
    assert_eq!(targets.snapshot()[0].first_token, Some(s(3)));
}

#[tokio::test(start_paused = true)]
async fn the_probe_of_a_client_that_leaves_is_somebody_elses() {
    let (targets, [a, b]) = targets(["a", "b"]);
    let targets = targets.balance(Balance::InOrder);
    a.answer(Answer::error(429)).answer(Answer::text("late").delay_head(Duration::MAX));
    assert_eq!(send(&targets).await.0, 200);
    tokio::time::advance(s(5)).await;
    let left = tokio::time::timeout(s(1), send(&targets)).await;
    assert!(left.is_err());
    assert_eq!((a.in_flight(), targets.snapshot()[0].in_flight), (0, 0));
    assert_eq!(send(&targets).await.0, 200);
    assert_eq!((received(&[a, b]), states(&targets)[0]), ([3, 1], TargetState::Ready));
}

#[tokio::test(start_paused = true)]
async fn a_429_rests_as_long_as_it_says() {
    let (targets, [a, _b]) = targets(["a", "b"]);
    let targets = targets.balance(Balance::InOrder);
    for (header, value, seconds) in
        [("retry-after", "30", 30), ("retry-after", "2", 5), ("retry-after-ms", "7000", 7), ("x", "y", 5)]
    {
        a.answer(Answer::error(429).header(header, value));
        assert_eq!(send(&targets).await.0, 200);
        assert_eq!(states(&targets)[0], TargetState::Resting(s(seconds)), "{header}: {value}");
        tokio::time::advance(s(seconds)).await;
        assert_eq!(send(&targets).await.0, 200);
        assert_eq!(states(&targets)[0], TargetState::Ready);
    }
}

#[tokio::test(start_paused = true)]
async fn when_all_rest_the_least_bad_is_tried_or_nobody() {
    let (lenient, [a, b]) = targets(["a", "b"]);
    a.always(Answer::error(429).header("retry-after", "60"));
    b.always(Answer::error(429).header("retry-after", "20"));
    assert_eq!(send(&lenient).await, (429, "rate_limit_exceeded".into()));
    assert_eq!(received(&[a.clone(), b.clone()]), [1, 1]);
    assert_eq!(send(&lenient).await.0, 429);
    assert_eq!(received(&[a.clone(), b.clone()]), [1, 2], "only the one that is back first");
    b.answer(Answer::text("back before its time"));
    assert_eq!(send(&lenient).await.0, 200);
    assert_eq!(states(&lenient), [TargetState::Resting(s(60)), TargetState::Ready]);

    let (strict, [c]) = targets(["c"]);
    let strict = strict.health(Health::new().refuse_when_all_rest());
    c.always(Answer::error(429).header("retry-after-ms", "19500"));
    send(&strict).await;
    let response = strict.clone().oneshot(ask("m")).await.unwrap();
    assert_eq!(response.headers()["retry-after"], "20");
    assert_eq!(response.headers()["retry-after-ms"], "19500");
    assert_eq!(read(response).await, (503, "server_is_overloaded".into()));
    assert_eq!(c.received(), 1);
    let nobody = Targets::new([]);
    assert_eq!(send(&nobody).await, (503, "server_is_overloaded".into()));
}

#[tokio::test(start_paused = true)]
async fn only_one_of_those_that_rest_is_tried_for_a_request() {
    let (targets, [a, b, c]) = targets(["a", "b", "c"]);
    let targets = targets.balance(Balance::InOrder);
    let all = [a, b, c];
    for mock in &all {
        mock.always(Answer::error(429));
    }
    assert_eq!(send(&targets).await.0, 429);
    assert_eq!(received(&all), [1, 1, 1]);
    send(&targets).await;
    assert_eq!(received(&all), [2, 1, 1]);
}

#[tokio::test]
async fn the_clients_own_mistakes_are_final_and_nobodys_fault() {
    let (targets, mocks) = targets(["a", "b"]);
    for status in [400, 413, 422] {
        for mock in &mocks {
            mock.answer(Answer::error(status));
        }
        let before: usize = received(&mocks).iter().sum();
        let (told, _) = send(&targets).await;
        assert!(told == 400 || told == 413);
        assert_eq!(received(&mocks).iter().sum::<usize>(), before + 1);
    }
    assert_eq!(states(&targets), [TargetState::Ready; 2]);
    assert!(targets.snapshot().iter().all(|target| target.failures == 0 && target.in_flight == 0));
}

#[tokio::test]
async fn what_one_protocol_has_no_words_for_another_may_have() {
    let (claude, gpt) = (Mock::anthropic(), Mock::openai());
    let targets =
        Targets::new([Target::new("claude", anthropic(&claude, "claude")), Target::new("gpt", openai(&gpt, "gpt"))]);
    let targets = targets.balance(Balance::InOrder);
    let logprobs = || with("m", r#","logprobs":true"#);
    assert_eq!(targets.clone().oneshot(logprobs()).await.unwrap().status(), 200);
    assert_eq!((claude.received(), gpt.received()), (0, 1));
    gpt.answer(Answer::error(500));
    let response = targets.clone().oneshot(logprobs()).await.unwrap();
    assert_eq!(read(response).await, (502, "upstream_error".into()), "of the two, the failure that may pass");
    let alone = Targets::new([Target::new("claude", anthropic(&claude, "claude"))]);
    assert_eq!(read(alone.oneshot(logprobs()).await.unwrap()).await, (400, "unsupported_parameter".into()));
    assert_eq!(targets.snapshot()[0].failures, 0);
}

#[tokio::test]
async fn each_target_has_its_own_name_for_the_model_and_each_attempt_is_known() {
    let (a, b) = (Mock::openai(), Mock::openai());
    a.answer(Answer::fail(std::io::ErrorKind::ConnectionReset));
    let own = service_fn(async |_| Ok::<_, Infallible>(ApiError::internal().into_response::<Full<bytes::Bytes>>()));
    let targets = Targets::new([
        Target::new("own", own),
        Target::new("a", openai(&a, "a")).upstream("deployment"),
        Target::new("b", openai(&b, "b")),
    ]);
    let targets = targets.balance(Balance::InOrder);
    let attempts = Attempts::new();
    let mut request = ask("m");
    request.extensions_mut().insert(attempts.for_model("fast"));
    assert_eq!(targets.oneshot(request).await.unwrap().status(), 200);
    let expected =
        [("in-process", "fast", 500, "upstream_error"), ("a", "fast", 0, "upstream_error"), ("b", "fast", 200, "")];
    assert_eq!(tried(&attempts), expected.map(|(p, m, s, f)| (p.into(), m.into(), s, f.into())));
    assert_eq!(
        (&a.requests()[0].json()["model"], &b.requests()[0].json()["model"]),
        (&"deployment".into(), &"m".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_is_busy_until_the_last_byte_of_its_answer() {
    let (targets, [a]) = targets(["a"]);
    let busy = || targets.snapshot()[0].in_flight;
    let stream = || with("m", r#","stream":true"#);
    let mut body = targets.clone().oneshot(stream()).await.unwrap().into_body();
    assert_eq!(busy(), 1);
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }
    assert_eq!(busy(), 0);
    let dropped = targets.clone().oneshot(stream()).await.unwrap();
    assert_eq!(busy(), 1);
    drop(dropped);
    assert_eq!(busy(), 0);
    a.answer(Answer::text("x").delay_head(Duration::MAX));
    assert!(tokio::time::timeout(s(1), targets.clone().oneshot(stream())).await.is_err());
    assert_eq!((busy(), targets.snapshot()[0].failures), (0, 0), "who leaves says nothing of the target");
}

#[tokio::test(start_paused = true)]
async fn streams_that_break_count() {
    let (targets, [a, _b]) = targets(["a", "b"]);
    let targets = targets.balance(Balance::InOrder);
    a.always(Answer::text("a long story of many words").cut_after(300));
    for broken in 1..=3 {
        let response = targets.clone().oneshot(with("m", r#","stream":true"#)).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap();
        assert_eq!(targets.snapshot()[0].failures, broken);
    }
    assert_eq!(states(&targets)[0], TargetState::Resting(s(5)));
}

#[tokio::test]
async fn keys_stick() {
    let (targets, mocks) = targets(["a", "b", "c"]);
    for key in ["x", "y", "z", "1", "2", "3"] {
        let before = received(&mocks);
        for _ in 0..5 {
            let mut request = ask("m");
            request.extensions_mut().insert(StickyKey::new(key));
            targets.clone().oneshot(request).await.unwrap();
        }
        let more: Vec<usize> = received(&mocks).iter().zip(before).map(|(now, before)| now - before).collect();
        assert!(more.contains(&5), "{key}: {more:?}");
    }
    assert!(received(&mocks).iter().all(|count| *count < 30));
}

#[test]
fn services_and_bodies_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync + 'static>() {}
    fn send<T: Send + 'static>() {}
    anywhere::<Targets>();
    anywhere::<Target>();
    send::<TargetsFuture>();
    send::<TargetBody>();
    send::<Response<TargetBody>>();
    let _ = TokioClock::new;
    let target = Target::new("east", Targets::new([])).weight(2).upstream("d");
    assert_eq!(format!("{target:?}"), r#"Target { name: "east", weight: 2, upstream: Some("d"), .. }"#);
}
