use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt};

use super::*;
use crate::mock::{Answer, Mock};
use crate::route::testing::{TokioClock, anthropic, ask, openai, read, tried};

fn policy() -> RetryPolicy {
    RetryPolicy::new().random(Random::seeded(3)).clock(TokioClock::new())
}

/// How it ended, how often the mock was asked, and how long all of it took.
async fn run(policy: RetryPolicy, answers: impl IntoIterator<Item = Answer>) -> (u16, usize, Duration) {
    let mock = Mock::openai();
    for answer in answers {
        mock.answer(answer);
    }
    let began = Instant::now();
    let service = ServiceBuilder::new().retry(policy).service(openai(&mock, "p"));
    let status = match service.oneshot(ask("m")).await {
        Ok(response) => read(response).await.0,
        Err(_) => 0,
    };
    (status, mock.received(), began.elapsed())
}

fn status(status: u16) -> Answer {
    Answer::error(status)
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_retried_twice_and_the_rest_not_at_all() {
    let cut = Answer::fail(std::io::ErrorKind::ConnectionReset);
    let garbage = Answer::json(200, "[]");
    for (answer, told, times) in [
        (status(500), 502, 3),
        (status(502), 502, 3),
        (status(503), 503, 3),
        (status(529), 503, 3),
        (status(409), 409, 3),
        (status(408), 504, 1),
        (status(504), 504, 1),
        (status(400), 400, 1),
        (status(401), 502, 1),
        (status(404), 404, 1),
        (status(429), 429, 1),
        (garbage, 502, 1),
        (cut, 0, 1),
        (Answer::refuse(), 0, 1),
        (Answer::fail(std::io::ErrorKind::TimedOut), 0, 1),
        (status(500).header("x-should-retry", "false"), 502, 1),
        (status(500).header("x-should-retry", "true"), 502, 3),
    ] {
        let (got, asked, _) = run(policy(), vec![answer.clone(); 3]).await;
        assert_eq!((got, asked), (told, times), "{answer:?}");
        let (got, asked, _) = run(policy(), [answer.clone()]).await;
        let expected = if times > 1 { (200, 2) } else { (told, 1) };
        assert_eq!((got, asked), expected, "{answer:?}");
    }
    assert_eq!(run(policy().retries(0), [status(500)]).await.1, 1);
}

#[tokio::test(start_paused = true)]
async fn waits_double_with_chance_in_them() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..20 {
        let policy = policy().random(Random::seeded(seed)).retries(3).backoff(ms(100), ms(300));
        let (_, _, took) = run(policy, vec![status(500); 4]).await;
        // 50 to 100, 100 to 200, 150 to 300, in whole milliseconds.
        assert!((ms(300)..=ms(603)).contains(&took), "{took:?}");
        seen.insert(took);
    }
    assert!(seen.len() > 5);
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_asks_is_respected_up_to_a_bound() {
    for (name, value, times, least) in [
        ("retry-after", "2", 2, 2_000),
        ("retry-after", "0", 2, 250),
        ("retry-after-ms", "1500", 2, 1_500),
        ("retry-after", "5", 2, 5_000),
        ("retry-after", "6", 1, 0),
        ("retry-after-ms", "5001", 1, 0),
        // 3 and 80 seconds after the clock began.
        ("retry-after", "Wed, 21 Oct 2026 07:26:43 GMT", 2, 3_000),
        ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", 1, 0),
    ] {
        for code in [429, 503, 500] {
            let (_, asked, took) = run(policy(), [status(code).header(name, value)]).await;
            assert_eq!(asked, times, "{code} {name}: {value}");
            assert!((ms(least)..=ms(least + 700)).contains(&took), "{code} {name}: {value}: {took:?}");
        }
    }
    let (told, asked, _) = run(policy().max_wait(ms(100)), [status(429).header("retry-after", "1")]).await;
    assert_eq!((told, asked), (429, 1));
}

#[tokio::test(start_paused = true)]
async fn geminis_delay_that_stands_in_the_body_alone_is_respected() {
    let mock = Mock::gemini();
    let refusal = r#"{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}}"#;
    mock.answer(Answer::json(429, refusal));
    let gemini = crate::translate::Gemini::new("http://h").unwrap();
    let gemini = crate::translate::TranslateLayer::new(gemini);
    let service = ServiceBuilder::new().retry(policy()).map_err(BoxError::from).layer(gemini).service(mock.clone());
    let began = Instant::now();
    assert_eq!(service.oneshot(ask("gemini-2.5-flash")).await.unwrap().status(), 200);
    assert!((ms(3_500)..ms(4_000)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

/// Allows so many retries.
struct Purse(AtomicU32, AtomicU32);

impl Budget for &'static Purse {
    fn deposit(&self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }

    fn withdraw(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_ends_it_and_each_request_deposits_once() {
    static PURSE: Purse = Purse(AtomicU32::new(3), AtomicU32::new(0));
    let policy = policy().budget(&PURSE);
    let mut asked = 0;
    for _ in 0..4 {
        asked += run(policy.clone(), vec![status(500); 3]).await.1;
    }
    assert_eq!((asked, PURSE.1.load(Ordering::Relaxed)), (4 + 3, 4));
    // What is not to be retried costs nothing.
    static OTHER: Purse = Purse(AtomicU32::new(3), AtomicU32::new(0));
    run(RetryPolicy::new().budget(&OTHER), [status(400)]).await;
    assert_eq!(OTHER.0.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_replaced_at_once_and_the_next_wait_is_one() {
    use http_body_util::Full;
    use std::sync::{Arc, Mutex};

    let fresh = Arc::new(Mutex::new(Vec::new()));
    let seen = fresh.clone();
    let mock = Mock::openai();
    let began = Instant::now();
    let client = tower::service_fn(move |request: Request<Full<bytes::Bytes>>| {
        let is_fresh = request.extensions().get::<FreshConnection>().is_some();
        let mut seen = seen.lock().unwrap();
        seen.push((is_fresh, began.elapsed()));
        let (dies, mock) = (seen.len() < 3, mock.clone());
        async move {
            if dies {
                return Err(crate::connection::Unanswered::new("closed").into());
            }
            mock.oneshot(request).await.map_err(BoxError::from)
        }
    });
    let openai = crate::translate::TranslateLayer::new(crate::translate::OpenAi::new("http://h").unwrap());
    let service = ServiceBuilder::new().retry(policy()).layer(openai).service(client);
    let attempts = Attempts::new();
    let mut request = ask("m");
    request.extensions_mut().insert(attempts.clone());
    assert_eq!(service.oneshot(request).await.unwrap().status(), 200);
    let seen = fresh.lock().unwrap().clone();
    assert_eq!(seen.iter().map(|(fresh, _)| *fresh).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!((seen[0].1, seen[1].1), (ms(0), ms(0)));
    assert!(seen[2].1 >= ms(500), "{seen:?}");
    let failures: Vec<_> = tried(&attempts).into_iter().map(|(_, _, status, failure)| (status, failure)).collect();
    assert_eq!(failures, [(0, "upstream_error".into()), (0, "upstream_error".into()), (200, String::new())]);
}

#[tokio::test(start_paused = true)]
async fn after_the_first_byte_nothing_is_retried() {
    let mock = Mock::anthropic();
    mock.answer(Answer::text("a long story of many words").cut_after(900));
    let service = ServiceBuilder::new().retry(policy()).service(anthropic(&mock, "p"));
    let response = service.oneshot(crate::route::testing::with("m", r#","stream":true"#)).await.unwrap();
    assert_eq!(read(response).await.0, 200);
    assert_eq!(mock.received(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_during_the_wait_is_not_served() {
    let mock = Mock::openai();
    mock.always(status(500));
    let service = ServiceBuilder::new().retry(policy()).service(openai(&mock, "p"));
    assert!(tokio::time::timeout(ms(100), service.oneshot(ask("m"))).await.is_err());
    tokio::time::sleep(ms(10_000)).await;
    assert_eq!(mock.received(), 1);
}
