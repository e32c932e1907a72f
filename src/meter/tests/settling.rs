//! An answer that is whole waits until its receipt is put away, and those that end together are put away together.

use std::task::Poll;

use http::{HeaderValue, StatusCode};
use http_body::Body;
use tokio::runtime::Builder;
use tokio_test::task;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::error::{ApiError, BoxError};
use crate::meter::log::{LogOptions, UsageLog};

/// A sink that puts receipts away when it is asked to.
#[derive(Clone, Default)]
struct Slow {
    submitted: Book,
    away: Book,
}

impl UsageSink for Slow {
    fn record(&self, receipt: &Receipt) {
        self.away.record(receipt);
    }

    fn submit(&self, receipt: &Receipt) -> Recording {
        self.submitted.record(receipt);
        let (away, receipt) = (self.away.clone(), receipt.clone());
        Recording::new(move || away.record(&receipt))
    }
}

/// Answers as a decoder does that has the whole of it, if it is to be a good one.
async fn answer(request: Request<ChatRequest>) -> Result<Response<Full<Bytes>>, BoxError> {
    if request.headers().contains_key("fail") {
        return Err(ApiError::upstream_error("x").into());
    }
    let (attempts, number, cell) = begin(&request, "m");
    attempts.answered(number, StatusCode::OK);
    cell.record(|seen| (seen.usage, seen.complete) = (Some(tokens(3, 1)), true));
    let mut response = json(WHOLE);
    response.extensions_mut().insert(cell);
    Ok(response)
}

fn failing() -> Request<ChatRequest> {
    let mut request = ask();
    request.headers_mut().insert("fail", HeaderValue::from_static("yes"));
    request
}

fn metered(sink: impl UsageSink) -> impl Service<Request<ChatRequest>, Response: Send, Error = BoxError> {
    MeterLayer::new(sink).clock(clock()).layer(service_fn(answer))
}

#[test]
fn an_answer_is_handed_on_when_its_receipt_is_away() {
    for (request, outcome) in [(ask(), Outcome::Complete), (failing(), Outcome::Failed)] {
        let slow = Slow::default();
        let mut call = task::spawn(metered(slow.clone()).call(request));
        assert!(call.poll().is_pending() && call.is_woken());
        assert_eq!((slow.submitted.count(), slow.away.count()), (1, 0));
        assert!(call.poll().is_ready());
        assert_eq!(slow.away.only().outcome, outcome);
    }
}

#[test]
fn an_answer_that_is_whole_at_once_has_its_first_token_then() {
    for (request, first_token) in [(ask(), Some(Duration::ZERO)), (failing(), None)] {
        let slow = Slow::default();
        let mut call = task::spawn(metered(slow.clone()).call(request));
        assert!(call.poll().is_pending() && call.poll().is_ready());
        assert_eq!(slow.away.only().first_token, first_token);
    }
}

#[test]
fn who_leaves_meanwhile_leaves_a_receipt() {
    let slow = Slow::default();
    let mut call = task::spawn(metered(slow.clone()).call(ask()));
    assert!(call.poll().is_pending());
    drop(call);
    assert_eq!((slow.submitted.count(), slow.away.only().outcome), (1, Outcome::Complete));
}

#[test]
fn a_stream_has_its_receipt_away_before_its_last_frame() {
    let slow = Slow::default();
    let events = service_fn(async |_| Ok::<_, Infallible>(stream(&[EVENT, FINISH, DONE])));
    let response = task::spawn(MeterLayer::new(slow.clone()).layer(events).oneshot(ask())).poll();
    let Poll::Ready(Ok(response)) = response else { panic!("a stream begins at once") };
    let mut body = task::spawn(response.into_body());
    while slow.away.count() == 0 {
        assert!(body.enter(|cx, body| body.poll_frame(cx)).is_ready());
    }
    assert_eq!((slow.submitted.count(), slow.away.only().outcome), (0, Outcome::Complete));
}

#[test]
fn a_sink_that_panics_later_is_counted_and_hurts_nobody() {
    struct Panics;
    impl UsageSink for Panics {
        fn record(&self, _: &Receipt) {}

        fn submit(&self, _: &Receipt) -> Recording {
            Recording::new(|| panic!("planted"))
        }
    }
    let meter = MeterLayer::new(Panics);
    let mut call = task::spawn(meter.layer(service_fn(answer)).call(ask()));
    assert!(call.poll().is_pending());
    assert!(call.poll().is_ready());
    let mut left = task::spawn(meter.layer(service_fn(answer)).call(ask()));
    assert!(left.poll().is_pending());
    drop(left);
    assert_eq!(meter.panics(), 2);
}

/// Two runtimes over one log, of one thread and of two, some of whose clients leave at any moment.
#[test]
fn each_request_is_in_the_log_once_and_before_its_answer() {
    const REQUESTS: usize = 300;
    let path = std::env::temp_dir().join(format!("settling-{}.jsonl", std::process::id()));
    let log = UsageLog::open(&path, LogOptions::new()).unwrap();
    let service = MeterLayer::new(log.clone()).clock(clock()).layer(service_fn(answer));
    let ask_all = async |name: &str| {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..REQUESTS {
            let (service, path, id) = (service.clone(), path.clone(), format!("{name}-{number}-"));
            let task = tasks.spawn(async move {
                let mut request = if number % 3 == 0 { failing() } else { ask() };
                request.headers_mut().insert("x-request-id", id.parse().unwrap());
                let _answer = service.oneshot(request).await;
                let file = std::fs::read(path).unwrap();
                assert_eq!(memchr::memmem::find_iter(&file, &id).count(), 1, "{id}");
            });
            if number % 7 == 0 {
                tokio::task::yield_now().await;
            }
            if number % 5 == 0 {
                task.abort();
            }
        }
        let (mut stayed, mut left) = (0, 0);
        while let Some(end) = tasks.join_next().await {
            match end {
                Ok(()) => stayed += 1,
                Err(error) if error.is_cancelled() => left += 1,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        assert!(stayed + left == REQUESTS && stayed >= REQUESTS * 4 / 5);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| Builder::new_current_thread().build().unwrap().block_on(ask_all("one")));
        scope.spawn(|| Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(ask_all("two")));
    });
    let file = std::fs::read_to_string(&path).unwrap();
    let mut ids: Vec<_> = file.lines().map(|line| line.split('"').nth(3).unwrap()).collect();
    let (lines, stats) = (ids.len(), log.stats());
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len() as u64, lines as u64, stats.waiting), (stats.written, stats.written, 0));
    for left_behind in [path.with_extension("jsonl.lock"), path] {
        let _gone = std::fs::remove_file(left_behind);
    }
}
