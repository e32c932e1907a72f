//! Limits in a real Redis, which each test starts for itself: `cargo test --all-features --test redis -- --ignored`.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_completions::auth::{Budget, BudgetWindow, Limits, Rate};
use tower_completions::limit::redis::{OnStoreError, RedisLimits, RedisOptions};
use tower_completions::limit::{
    Admission, Ask, Cost, Dimension, LimitStore, Refusal, Reservation, Standing, Subject, SubjectKind,
};

/// A server of its own on a free port.
struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let redis = Self { port, child: Self::spawn(port) };
        redis.answers().await;
        redis
    }

    fn spawn(port: u16) -> Child {
        let port = port.to_string();
        let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new("redis-server").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        child.expect("redis-server is needed: apt-get install redis-server")
    }

    async fn answers(&self) {
        let client = redis::Client::open(self.url()).unwrap();
        timeout(Duration::from_secs(10), async {
            while client.get_multiplexed_async_connection().await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("Redis does not answer");
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query_async(&mut connection).await.unwrap()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn restart(&mut self) {
        self.child = Self::spawn(self.port);
        self.answers().await;
    }

    /// A store whose worker runs and is connected.
    async fn store(&self, options: RedisOptions) -> RedisLimits {
        let (store, worker) = RedisLimits::new(&self.url(), options).unwrap();
        tokio::spawn(worker.run());
        connected(&store, Duration::from_secs(5)).await;
        store
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn connected(store: &RedisLimits, at_most: Duration) {
    let is_connected = async {
        while !store.is_connected() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(at_most, is_connected).await.expect("the store is not connected");
}

fn ask(subject: &Subject, tokens: u64, nano_usd: u64) -> Ask {
    Ask { subjects: vec![subject.clone()], estimate: cost(tokens, nano_usd), enforce: true }
}

fn cost(tokens: u64, nano_usd: u64) -> Cost {
    Cost { requests: 1, tokens, nano_usd }
}

async fn admit(store: &RedisLimits, ask: Ask) -> Result<Reservation, Refusal> {
    match store.admit(ask).await.unwrap() {
        Admission::Admitted { reservation, .. } => Ok(reservation),
        Admission::Refused { refusal, .. } => Err(refusal),
    }
}

async fn standing(store: &RedisLimits, subject: &Subject) -> Standing {
    store.standing(vec![subject.clone()]).await.unwrap().remove(0)
}

async fn settle(store: &RedisLimits, reservation: Reservation, actual: Cost) {
    store.settle(reservation, actual);
    assert!(store.flush(Duration::from_secs(5)).await);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_settled_counts_instead_of_what_was_reserved() {
    let redis = Redis::start().await;
    let store = redis.store(RedisOptions::new()).await;
    let hour = |amount| Rate::new(amount, Duration::from_secs(3600));
    let limits =
        Limits::new().requests(hour(5)).tokens(hour(1000)).parallel(2).budget(Budget::new(50, BudgetWindow::Total));
    let alice = Subject::caller("alice", limits);

    let first = admit(&store, ask(&alice, 800, 40)).await.unwrap();
    let stands = standing(&store, &alice).await;
    assert_eq!((stands.tokens.unwrap().remaining, stands.requests.unwrap().remaining), (200, 4));
    assert_eq!((stands.parallel.unwrap().remaining, stands.budget.unwrap().spent), (1, 40));

    settle(&store, first, cost(300, 10)).await;
    let stands = standing(&store, &alice).await;
    assert_eq!((stands.tokens.unwrap().remaining, stands.parallel.unwrap().remaining), (700, 2));
    assert_eq!(stands.budget.unwrap().spent, 10);

    let second = admit(&store, ask(&alice, 100, 5)).await.unwrap();
    settle(&store, second, cost(2000, 90)).await;
    let refusal = admit(&store, ask(&alice, 1, 0)).await.unwrap_err();
    assert_eq!((refusal.dimension, refusal.used, refusal.limit), (Dimension::Budget, 100, 50));
    assert_eq!(standing(&store, &alice).await.tokens.unwrap().remaining, 0, "a debt of 1300");

    let daily = Subject::caller("carol", Limits::new().budget(Budget::new(50, BudgetWindow::Day)));
    assert!(standing(&store, &daily).await.budget.unwrap().reset.unwrap() <= Duration::from_secs(86_400));

    let free = Subject::caller("bob", Limits::new().requests(hour(1)));
    let unreached = admit(&store, ask(&free, 0, 0)).await.unwrap();
    settle(&store, unreached, Cost::default()).await;
    assert!(admit(&store, ask(&free, 0, 0)).await.is_ok(), "what reached nobody costs nothing");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn all_limits_admit_or_none_does() {
    let redis = Redis::start().await;
    let store = redis.store(RedisOptions::new()).await;
    let hour = |amount| Rate::new(amount, Duration::from_secs(3600));
    let alice = Subject::caller("alice", Limits::new().requests(hour(10)));
    let team = Subject::scope("alice", Limits::new().tokens(hour(100)));
    let both = |tokens| Ask { subjects: vec![alice.clone(), team.clone()], ..ask(&alice, tokens, 0) };
    admit(&store, both(80)).await.unwrap();
    let refusal = admit(&store, both(30)).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.dimension, refusal.asked), (SubjectKind::Scope, Dimension::Tokens, 30));
    assert_eq!(standing(&store, &alice).await.requests.unwrap().remaining, 9);
    assert_eq!(admit(&store, both(5000)).await.unwrap_err().asked, 100, "a guess is lowered to what fits");

    let shadow = Ask { enforce: false, ..both(90) };
    let Admission::Admitted { overrun: Some(overrun), .. } = store.admit(shadow).await.unwrap() else { panic!() };
    assert_eq!(overrun.dimension, Dimension::Tokens);
    assert_eq!(standing(&store, &team).await.tokens.unwrap().remaining, 0);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn zero_means_none_and_large_figures_are_exact() {
    let redis = Redis::start().await;
    let store = redis.store(RedisOptions::new()).await;
    for limits in [
        Limits::new().requests_per_minute(0),
        Limits::new().tokens_per_minute(0),
        Limits::new().parallel(0),
        Limits::new().budget(Budget::total_usd(0.0)),
    ] {
        let refusal = admit(&store, ask(&Subject::caller("none", limits), 0, 0)).await.unwrap_err();
        assert_eq!((refusal.limit, refusal.retry_after), (0, None));
    }
    let most = 1_000_000_000_000_000_001; // a billion dollars and a nano-dollar
    let rich = Subject::caller("rich", Limits::new().budget(Budget::new(most, BudgetWindow::Total)));
    let first = admit(&store, ask(&rich, 0, most - 1)).await.unwrap();
    settle(&store, first, cost(0, most - 1)).await;
    assert!(admit(&store, ask(&rich, 0, 2)).await.is_err());
    let last = admit(&store, ask(&rich, 0, 1)).await.unwrap();
    settle(&store, last, cost(0, 1)).await;
    assert_eq!(standing(&store, &rich).await.budget.unwrap().spent, most);
    let busy =
        Subject::caller("busy", Limits::new().requests_per_minute(1_000_000_000).tokens_per_minute(1_000_000_000));
    for _ in 0..50 {
        admit(&store, ask(&busy, 1_000_000, 0)).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn waiting_as_long_as_told_succeeds_and_a_tenth_less_does_not() {
    let redis = Redis::start().await;
    let store = redis.store(RedisOptions::new()).await;
    for limits in [
        Limits::new().requests(Rate::new(7, Duration::from_secs(4))),
        Limits::new().tokens(Rate::new(700, Duration::from_secs(4))),
    ] {
        let alice = Subject::caller(format!("{limits:?}"), limits);
        let refusal = loop {
            match admit(&store, ask(&alice, 100, 0)).await {
                Ok(reservation) => settle(&store, reservation, cost(100, 0)).await,
                Err(refusal) => break refusal,
            }
        };
        let wait = refusal.retry_after.unwrap();
        assert!(wait > Duration::from_millis(300), "{wait:?}");
        let begin = Instant::now();
        sleep(wait * 8 / 10).await;
        if begin.elapsed() < wait * 9 / 10 {
            assert!(admit(&store, ask(&alice, 100, 0)).await.is_err(), "{limits:?}");
        }
        sleep(wait.saturating_sub(begin.elapsed())).await;
        assert!(admit(&store, ask(&alice, 100, 0)).await.is_ok(), "{limits:?}");
    }
}

/// Three stores with connections of their own, as three processes have them, race at the edge of each limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn nobody_slips_through_in_a_race() {
    let redis = Redis::start().await;
    let patient = || RedisOptions::new().timeout(Duration::from_secs(5));
    let stores = [redis.store(patient()).await, redis.store(patient()).await, redis.store(patient()).await];
    let day = |amount| Rate::new(amount, Duration::from_secs(86_400));
    for round in 0..200 {
        let limits = match round % 4 {
            0 => Limits::new().requests(day(40)),
            1 => Limits::new().tokens(day(4000)),
            2 => Limits::new().parallel(40),
            _ => Limits::new().budget(Budget::new(400, BudgetWindow::Day)),
        };
        let subject = Subject::caller(format!("round {round}"), limits);
        let (admitted, spent) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        for at in 0..64_usize {
            let (store, subject) = (stores[at % 3].clone(), subject.clone());
            let (admitted, spent) = (admitted.clone(), spent.clone());
            tasks.spawn(async move {
                if let Ok(reservation) = admit(&store, ask(&subject, 100, 10)).await {
                    admitted.fetch_add(1, Ordering::SeqCst);
                    if round % 4 == 3 {
                        store.settle(reservation, cost(100, 9));
                        spent.fetch_add(9, Ordering::SeqCst);
                    }
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        let admitted = admitted.load(Ordering::SeqCst);
        if round % 4 == 3 {
            assert!((40..=44).contains(&admitted) && spent.load(Ordering::SeqCst) <= 400, "{admitted}");
        } else {
            assert_eq!(admitted, 40, "round {round}");
        }
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn one_round_trip_each_and_keys_that_expire_in_one_slot() {
    let redis = Redis::start().await;
    let store = redis.store(RedisOptions::new()).await;
    let limits = Limits::new().requests_per_minute(50).tokens_per_minute(5000).parallel(20);
    let alice = Subject::caller("alice", limits.budget(Budget::per_month_usd(1.0)));
    let team = Subject::scope("team", limits);
    let both = || Ask { subjects: vec![alice.clone(), team.clone()], ..ask(&alice, 10, 10) };
    let first = admit(&store, both()).await.unwrap();
    redis.command::<()>(&["CONFIG", "RESETSTAT"]).await;
    let mut held = vec![first];
    for _ in 0..10 {
        held.push(admit(&store, both()).await.unwrap());
    }
    let stats: String = redis.command(&["INFO", "commandstats"]).await;
    assert!(stats.contains("cmdstat_evalsha:calls=10,"), "{stats}");
    let keys: Vec<String> = redis.command(&["KEYS", "*"]).await;
    assert_eq!(keys.len(), 4, "{keys:?}");
    for key in &keys {
        assert!(redis.command::<i64>(&["PTTL", key]).await > 0, "{key}");
        assert!(key.starts_with("{completions}:"), "the hash tag of a cluster: {key}");
    }

    redis.command::<()>(&["SCRIPT", "FLUSH"]).await;
    held.push(admit(&store, both()).await.unwrap());
    redis.command::<()>(&["SCRIPT", "FLUSH"]).await;
    for reservation in held {
        store.settle(reservation, cost(10, 10));
    }
    assert!(store.flush(Duration::from_secs(5)).await);
    let stands = standing(&store, &alice).await;
    assert_eq!((stands.parallel.unwrap().remaining, stands.budget.unwrap().spent), (20, 120));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_sent_twice_is_charged_once() {
    let redis = Redis::start().await;
    let store = redis.store(RedisOptions::new()).await;
    let hour = |amount| Rate::new(amount, Duration::from_secs(3600));
    let limits = Limits::new().requests(hour(50)).tokens(hour(5000)).budget(Budget::new(1000, BudgetWindow::Total));
    let alice = Subject::caller("alice", limits);
    let reservation = admit(&store, ask(&alice, 100, 10)).await.unwrap();
    for _ in 0..3 {
        settle(&store, reservation.clone(), cost(70, 7)).await;
    }
    let stands = standing(&store, &alice).await;
    assert_eq!((stands.requests.unwrap().remaining, stands.tokens.unwrap().remaining), (49, 4930));
    assert_eq!(stands.budget.unwrap().spent, 7);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_long_answer_keeps_its_place_and_a_flush_forgets_it() {
    let redis = Redis::start().await;
    let store = redis.store(RedisOptions::new().lease(Duration::from_secs(1))).await;
    let short = Subject::caller("short", Limits::new().tokens(Rate::new(100, Duration::from_millis(100))));
    let _held = admit(&store, ask(&short, 50, 0)).await.unwrap();
    let hour = Rate::new(1000, Duration::from_secs(3600));
    let alice = Subject::caller("alice", Limits::new().tokens(hour));
    let flushed = admit(&store, ask(&alice, 400, 0)).await.unwrap();
    sleep(Duration::from_millis(2500)).await;
    assert_eq!(redis.command::<u64>(&["EXISTS", "{completions}:caller:short"]).await, 1, "renewed with its lease");

    redis.command::<()>(&["FLUSHALL"]).await;
    sleep(Duration::from_millis(700)).await; // two renewals
    settle(&store, flushed, cost(400, 0)).await;
    assert_eq!(standing(&store, &alice).await.tokens.unwrap().remaining, 600, "charged as a whole");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn ids_and_figures_may_be_anything() {
    let redis = Redis::start().await;
    let store = redis.store(RedisOptions::new().prefix("no braces")).await;
    let limits = Limits::new().parallel(5).budget(Budget::new(100, BudgetWindow::Total));
    for id in ["alice", "alice:leases", "leases:caller:alice", "{x}", "", "\u{e9}\r\n\0"] {
        let subject = Subject::caller(id, limits);
        let reservation = admit(&store, ask(&subject, 0, 1)).await.unwrap();
        settle(&store, reservation, cost(u64::MAX, u64::MAX)).await;
        let stands = standing(&store, &subject).await;
        assert_eq!(stands.parallel.unwrap().remaining, 5, "{id:?}");
        assert!(stands.budget.unwrap().spent > 1_000_000_000, "{id:?}");
    }
    assert!(store.is_connected());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn leases_live_as_long_as_their_process() {
    let redis = Redis::start().await;
    let options = || RedisOptions::new().lease(Duration::from_secs(1));
    let (store, worker) = RedisLimits::new(&redis.url(), options()).unwrap();
    let running = tokio::spawn(worker.run());
    connected(&store, Duration::from_secs(5)).await;
    let other = redis.store(options()).await;
    let alice = Subject::caller("alice", Limits::new().parallel(1).budget(Budget::new(100, BudgetWindow::Total)));
    let _held = admit(&store, ask(&alice, 0, 60)).await.unwrap();
    sleep(Duration::from_millis(2500)).await;
    let refusal = admit(&other, ask(&alice, 0, 1)).await.unwrap_err();
    assert_eq!(refusal.dimension, Dimension::Parallel, "renewed while the process lives");
    running.abort();
    sleep(Duration::from_millis(1500)).await;
    let back = admit(&other, ask(&alice, 0, 100)).await.expect("what the process held has come back");
    settle(&other, back, cost(0, 70)).await;
    assert_eq!(standing(&other, &alice).await.budget.unwrap().spent, 70);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn budgets_survive_a_restart_of_the_process() {
    let redis = Redis::start().await;
    let alice = Subject::caller("alice", Limits::new().budget(Budget::new(100, BudgetWindow::Total)));
    let before = redis.store(RedisOptions::new()).await;
    let spent = admit(&before, ask(&alice, 0, 80)).await.unwrap();
    settle(&before, spent, cost(0, 80)).await;
    drop(before);
    let after = redis.store(RedisOptions::new()).await;
    assert!(admit(&after, ask(&alice, 0, 21)).await.is_err());
    assert_eq!(redis.command::<i64>(&["PTTL", "{completions}:caller:alice"]).await, -1, "a total never expires");
}

/// Redis is stopped, paused and flushed under load. No request hangs, the first ones wait a little, the others not at all;
/// and a second after it is back, it counts again, with what was used meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn an_outage_is_what_was_promised() {
    let mut redis = Redis::start().await;
    let store = redis.store(RedisOptions::new()).await;
    let day = |amount| Rate::new(amount, Duration::from_secs(86_400));
    let rated = Subject::caller("rated", Limits::new().requests(day(1000)));
    let money = Subject::caller("money", Limits::new().budget(Budget::new(1000, BudgetWindow::Total)));

    for outage in ["STOP", "KILL"] {
        let before = 1000 - standing(&store, &rated).await.requests.unwrap().remaining;
        if outage == "STOP" {
            redis.signal("STOP")
        } else {
            redis.stop()
        }
        // Of 200 requests the first one or two wait for Redis, at most 40 ms; a busy machine may hold up some others.
        let mut late = Vec::new();
        let mut note = |begin: Instant| {
            if begin.elapsed() > Duration::from_millis(50) {
                late.push(begin.elapsed());
            }
        };
        for _ in 0..100 {
            let begin = Instant::now();
            let reservation = admit(&store, ask(&rated, 0, 0)).await.expect("counted here");
            note(begin);
            store.settle(reservation, cost(0, 0));
            let begin = Instant::now();
            let closed = store.admit(ask(&money, 0, 1)).await.unwrap_err().to_string();
            note(begin);
            assert!(closed.contains("Try again later"), "{closed}");
            sleep(Duration::from_millis(2)).await;
        }
        assert!(late.len() <= 5 && late.iter().all(|wait| *wait < Duration::from_secs(1)), "{outage}: {late:?}");
        assert!(!store.is_connected());

        let back = Instant::now();
        if outage == "STOP" {
            redis.signal("CONT")
        } else {
            redis.restart().await
        }
        connected(&store, Duration::from_secs(1)).await;
        let took = back.elapsed();
        assert!(took < Duration::from_secs(1) || outage == "KILL", "{took:?}");
        assert!(store.flush(Duration::from_secs(5)).await);
        let used = 1000 - standing(&store, &rated).await.requests.unwrap().remaining;
        let before = if outage == "KILL" { 0 } else { before };
        assert!((before + 100..=before + 101).contains(&used), "{outage}: {used} after {before}");
    }

    let held = admit(&store, ask(&money, 0, 10)).await.unwrap();
    redis.command::<()>(&["FLUSHALL"]).await;
    settle(&store, held, cost(0, 10)).await;
    assert_eq!(standing(&store, &money).await.budget.unwrap().spent, 10, "what was forgotten is charged as a whole");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn each_limiter_does_as_it_was_told_while_redis_is_away() {
    let mut redis = Redis::start().await;
    let open = RedisOptions::new().on_store_error(OnStoreError::Open).budget_on_store_error(OnStoreError::Open);
    let closed = RedisOptions::new().on_store_error(OnStoreError::Closed);
    let local = RedisOptions::new().budget_on_store_error(OnStoreError::Local).replicas(2);
    let (open, closed, local) = (redis.store(open).await, redis.store(closed).await, redis.store(local).await);
    redis.stop();
    let limits = Limits::new().requests_per_minute(4).budget(Budget::new(100, BudgetWindow::Total));
    let alice = Subject::caller("alice", limits);
    for _ in 0..10 {
        admit(&open, ask(&alice, 0, 90)).await.unwrap();
    }
    assert!(closed.admit(ask(&alice, 0, 1)).await.is_err());
    for _ in 0..2 {
        let reservation = admit(&local, ask(&alice, 0, 1)).await.unwrap();
        local.settle(reservation, cost(0, 1));
    }
    let refusal = admit(&local, ask(&alice, 0, 1)).await.unwrap_err();
    assert_eq!((refusal.dimension, refusal.limit), (Dimension::Requests, 2), "its share");
    // The truth waits for Redis, and so may what the first request, which still asked, takes back.
    assert!((2..=3).contains(&local.backlog()) && open.backlog() <= 1, "{local:?} {open:?}");
}
