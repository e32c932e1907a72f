//! Sinks that are full or dead: no request fails for them, and each receipt is somewhere or counted.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tower_completions::meter::log::{LogOptions, UsageLog};
use tower_completions::meter::postgres::{PostgresOptions, PostgresSink};
use tower_completions::meter::redis::{RedisSink, RedisSinkOptions};
use tower_completions::meter::{DeliveryOptions, Tee, Totals, channel};
use tower_completions::mock::Mock;

use crate::support::{STREAM, ask, post, send};
use crate::{Folder, stack, until};

const REQUESTS: u64 = 60;

#[tokio::test]
async fn nothing_fails_and_everything_is_counted() {
    let folder = Folder::new();
    // Each write to this file fails as on a full disk.
    symlink("/dev/full", folder.log()).unwrap();
    let told = Arc::new(AtomicU64::new(0));
    let on_error = {
        let told = told.clone();
        move |error: &std::io::Error| {
            assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
            told.fetch_add(1, Ordering::SeqCst);
        }
    };
    let log = UsageLog::open(folder.log(), LogOptions::new().keep(10_000).on_error(on_error)).unwrap();
    // Nobody listens on the ports of these.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let outages = Arc::new(AtomicU64::new(0));
    let small = || {
        let outages = outages.clone();
        DeliveryOptions::new().queue(20).on_error(move |error| {
            assert!(!format!("{error} {error:?}").contains("planted"), "the password: {error:?}");
            outages.fetch_add(1, Ordering::SeqCst);
        })
    };
    let redis = RedisSinkOptions::new().delivery(small());
    let (redis, redis_worker) = RedisSink::new(&format!("redis://x:planted@127.0.0.1:{port}/0"), redis).unwrap();
    let postgres = PostgresOptions::new().delivery(small());
    let (postgres, postgres_worker) =
        PostgresSink::new(&format!("postgres://x:planted@127.0.0.1:{port}/x"), postgres).unwrap();
    assert!(!format!("{redis:?} {redis_worker:?} {postgres:?} {postgres_worker:?}").contains("planted"));
    let workers = [tokio::spawn(redis_worker.run()), tokio::spawn(postgres_worker.run())];
    let (full, mut receipts) = channel(7);
    let totals = Totals::new();

    let sinks =
        Tee::new().and(log.clone()).and(redis.clone()).and(postgres.clone()).and(full.clone()).and(totals.clone());
    let mock = Mock::openai();
    let stack = stack(&mock, sinks);
    for at in 0..REQUESTS {
        let answer = send(&stack, post(ask(if at % 2 == 0 { STREAM } else { "" }))).await;
        assert!(answer.status.is_success() && !answer.broke);
    }

    let file = log.stats();
    assert_eq!((file.written, file.waiting + file.dropped), (0, REQUESTS));
    assert!(file.waiting > 0 && file.dropped > 0, "{file:?}");
    assert_eq!(told.load(Ordering::SeqCst), 1, "once, for all of them");
    for stats in [redis.stats(), postgres.stats()] {
        assert_eq!((stats.waiting, stats.dropped, stats.delivered, stats.connected), (20, REQUESTS - 20, 0, false));
    }
    let taken = std::iter::from_fn(|| receipts.try_recv()).count() as u64;
    assert_eq!((taken, full.dropped()), (7, REQUESTS - 7));
    assert_eq!((totals.sum().requests, totals.sum().failed), (REQUESTS, 0));
    until("both have said so", || outages.load(Ordering::SeqCst) == 2).await;

    // Whoever stops a worker loses what waits, and is told how much.
    workers.iter().for_each(tokio::task::JoinHandle::abort);
    until("all are dropped", || redis.stats().dropped == REQUESTS && postgres.stats().dropped == REQUESTS).await;
    assert_eq!(redis.stats().waiting, 0);
}
