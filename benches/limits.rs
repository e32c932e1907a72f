//! What an admission and its settlement cost in memory: `cargo bench --bench limits`; and in Redis, if `REDIS_URL` says
//! where one is.
//!
//! Times on a noisy machine are worth little by themselves; the figures of one run may be compared with each other.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tower_completions::auth::{Budget, Limits};
use tower_completions::limit::redis::{RedisLimits, RedisOptions};
use tower_completions::limit::{Admission, Ask, Cost, LimitStore, MemoryLimits, Subject};

/// The memory that this process has, where Linux says it.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok()).unwrap_or(0) << 10
}

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("memory waits for nothing"),
    }
}

fn limits() -> Limits {
    let many = 1_000_000_000;
    Limits::new().requests_per_minute(many).tokens_per_minute(many).parallel(many).budget(Budget::total_usd(1e9))
}

fn once(store: &MemoryLimits, subjects: &[Subject]) {
    let estimate = Cost { requests: 1, tokens: 500, nano_usd: 700 };
    let ask = Ask { subjects: subjects.to_vec(), estimate, enforce: true };
    match now(store.admit(black_box(ask))).unwrap() {
        Admission::Admitted { reservation, .. } => {
            store.settle(reservation, Cost { requests: 1, tokens: 300, nano_usd: 400 });
        }
        Admission::Refused { refusal, .. } => unreachable!("{refusal:?}"),
    }
}

const ROUNDS: u32 = 500_000;

fn report(what: &str, time: Duration, count: u32) {
    println!("{what:<52} {:>7.0} ns", time.as_nanos() as f64 / f64::from(count));
}

fn main() {
    let alice = [Subject::caller("alice", limits())];
    let three = [alice[0].clone(), Subject::scope("team", limits()), Subject::scope("organisation", limits())];

    let store = MemoryLimits::new();
    for (what, subjects) in [("a caller, four limits", &alice[..]), ("a caller and two scopes, twelve limits", &three)]
    {
        let begin = Instant::now();
        (0..ROUNDS).for_each(|_| once(&store, subjects));
        report(&format!("{what}, alone"), begin.elapsed(), ROUNDS);

        let begin = Instant::now();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..ROUNDS).for_each(|_| once(&store, subjects)));
            }
        });
        report(&format!("{what}, two threads on it"), begin.elapsed(), ROUNDS);
    }

    for (keys, limits, dimensions) in
        [(100_000, limits(), 4), (100_000, Limits::new().requests_per_minute(60), 1), (1_000_000, limits(), 4)]
    {
        let subjects: Vec<[Subject; 1]> =
            (0..keys).map(|at| [Subject::caller(format!("key-{at:07}"), limits)]).collect();
        let (store, before) = (MemoryLimits::new(), resident());
        let begin = Instant::now();
        subjects.iter().for_each(|subject| once(&store, subject));
        let first = begin.elapsed();
        let held = resident().saturating_sub(before);
        let begin = Instant::now();
        subjects.iter().for_each(|subject| once(&store, subject));
        report(&format!("{keys} keys of {dimensions} limits, each for the first time"), first, keys);
        report("  and once more", begin.elapsed(), keys);
        println!("  bytes for each key and limit {:>30}", held / keys as usize / dimensions);
    }
    if let Ok(url) = std::env::var("REDIS_URL") {
        tokio::runtime::Runtime::new().unwrap().block_on(redis(&url));
    }
}

/// Callers one after the other, and 64 at once; each with four limits, and four of a scope in common.
async fn redis(url: &str) {
    let (store, worker) = RedisLimits::new(url, RedisOptions::new().timeout(Duration::from_secs(5))).unwrap();
    tokio::spawn(worker.run());
    while !store.is_connected() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (alone, together) = (5_000, 500);
    let begin = Instant::now();
    for at in 0..alone {
        once_in_redis(&store, at).await;
    }
    report("Redis, one after the other", begin.elapsed(), alone);
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64 {
        let store = store.clone();
        tasks.spawn(async move {
            for at in 0..together {
                once_in_redis(&store, task * together + at).await;
            }
        });
    }
    tasks.join_all().await;
    report("Redis, 64 at once", begin.elapsed(), 64 * together);
    let begin = Instant::now();
    assert!(store.flush(Duration::from_secs(60)).await);
    println!("  and their settlements arrived {:>24} ms later", begin.elapsed().as_millis());
}

async fn once_in_redis(store: &RedisLimits, at: u32) {
    let subjects = vec![Subject::caller(format!("{}", at % 1000), limits()), Subject::scope("team", limits())];
    let estimate = Cost { requests: 1, tokens: 500, nano_usd: 700 };
    match store.admit(Ask { subjects, estimate, enforce: true }).await.unwrap() {
        Admission::Admitted { reservation, .. } => store.settle(reservation, estimate),
        Admission::Refused { refusal, .. } => unreachable!("{refusal:?}"),
    }
}
