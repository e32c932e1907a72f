//! Receipts in a real Redis, which each test starts for itself.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::streams::StreamRangeReply;
use tower_completions::meter::redis::{RedisSink, RedisSinkOptions};
use tower_completions::meter::{DeliveryOptions, UsageSink};

use crate::{receipt, until};

struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    async fn start(port: u16) -> Self {
        let port = if port > 0 { port } else { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() };
        let arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new("redis-server").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let redis = Self { port, child: child.expect("redis-server is needed: apt-get install redis-server") };
        let client = redis::Client::open(redis.url()).unwrap();
        for _ in 0..1000 {
            if client.get_multiplexed_async_connection().await.is_ok() {
                return redis;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("Redis does not answer");
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.unwrap()
    }

    /// The ids of the stream's entries, each with its line.
    async fn entries(&self) -> Vec<(String, serde_json::Value)> {
        let reply: StreamRangeReply = self.command(&["XRANGE", "{completions}:usage", "-", "+"]).await;
        let entry = |entry: &redis::streams::StreamId| {
            let line: String = entry.get("receipt").unwrap();
            (entry.get("id").unwrap(), serde_json::from_str(&line).unwrap())
        };
        reply.ids.iter().map(entry).collect()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const AT_MOST: Duration = Duration::from_secs(30);

#[tokio::test]
#[ignore = "needs redis-server"]
async fn each_receipt_is_one_entry_however_often_it_is_sent() {
    let redis = Redis::start(0).await;
    for _ in 0..2 {
        let (sink, worker) = RedisSink::new(&redis.url(), RedisSinkOptions::new()).unwrap();
        let worker = tokio::spawn(worker.run());
        (0..300).for_each(|id| sink.record(&receipt(id.to_string())));
        assert!(sink.flush(AT_MOST).await);
        assert_eq!((sink.stats().delivered, sink.stats().errors), (300, 0));
        drop(sink);
        worker.await.unwrap(); // it ends with its sink
    }
    let entries = redis.entries().await;
    assert_eq!(entries.len(), 300);
    for (at, (id, line)) in entries.iter().enumerate() {
        assert_eq!((id.as_str(), line["id"].as_str()), (&*at.to_string(), Some(&*at.to_string())), "in order");
        assert_eq!((&line["cost_usd"], &line["prompt_tokens"]), (&"0.000016".into(), &15.into()));
    }
    assert!(redis.command::<i64>(&["PTTL", "{completions}:usage:seen"]).await > 0);
    assert_eq!(redis.command::<i64>(&["PTTL", "{completions}:usage"]).await, -1);
}

/// Redis stands still with a trip under way: it is sent again on other connections, and then Redis reads all of them.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_was_sent_again_and_again_counts_once() {
    let redis = Redis::start(0).await;
    let quick = DeliveryOptions::new().timeout(Duration::from_millis(200)).batch(16);
    let (sink, worker) = RedisSink::new(&redis.url(), RedisSinkOptions::new().delivery(quick)).unwrap();
    tokio::spawn(worker.run());
    sink.record(&receipt("first"));
    assert!(sink.flush(AT_MOST).await);
    redis.signal("STOP");
    (0..100).for_each(|id| sink.record(&receipt(id.to_string())));
    until("it was tried again", || sink.stats().errors >= 3).await;
    assert_eq!((sink.stats().waiting, sink.stats().connected), (100, false));
    redis.signal("CONT");
    assert!(sink.flush(AT_MOST).await);
    assert_eq!(redis.entries().await.len(), 101);
    assert_eq!((sink.stats().delivered, sink.stats().dropped), (101, 0));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn an_outage_loses_nothing_that_fits_and_counts_the_rest() {
    let redis = Redis::start(0).await;
    let port = redis.port;
    let options = RedisSinkOptions::new().max_len(10_000).delivery(DeliveryOptions::new().queue(500));
    let (sink, worker) = RedisSink::new(&redis.url(), options).unwrap();
    tokio::spawn(worker.run());
    until("connected", || sink.stats().connected).await;
    drop(redis);
    (0..600).for_each(|id| sink.record(&receipt(id.to_string())));
    until("away", || sink.stats().errors >= 2).await;
    let redis = Redis::start(port).await;
    assert!(sink.flush(AT_MOST).await);
    let stats = sink.stats();
    assert_eq!((stats.delivered + stats.dropped, stats.delivered), (600, redis.entries().await.len() as u64));
    assert!(stats.dropped <= 100, "{stats:?}");

    // Scripts are forgotten; memory is full, and then it is not.
    redis.command::<()>(&["SCRIPT", "FLUSH"]).await;
    redis.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    sink.record(&receipt("late"));
    let errors = sink.stats().errors;
    until("refused for want of memory", || sink.stats().errors > errors).await;
    redis.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert!(sink.flush(AT_MOST).await);
    assert_eq!(redis.entries().await.last().unwrap().0, "late");
}
