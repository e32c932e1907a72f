//! Receipts in a real PostgreSQL, which each test starts for itself.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_postgres::{Client, NoTls};
use tower_completions::meter::postgres::{MIGRATION, PostgresOptions, PostgresSink};
use tower_completions::meter::{DeliveryOptions, UsageSink};

use crate::{Folder, receipt, until};

/// A server of its own on a free port, run by somebody who is not root, which it insists on.
struct Postgres {
    port: u16,
    folder: Folder,
    child: Child,
}

impl Postgres {
    async fn start() -> Self {
        let folder = Folder::new();
        if let Some((user, group)) = not_root() {
            chown(&folder.0, Some(user), Some(group)).unwrap();
        }
        let data = folder.0.join("data");
        let made = command("initdb").args(["-A", "trust", "-U", "test", "-N", "-D"]).arg(&data).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Self::spawn(port, &folder);
        let postgres = Self { port, folder, child };
        postgres.client().await;
        postgres
    }

    fn spawn(port: u16, folder: &Folder) -> Child {
        let (data, port) = (folder.0.join("data"), port.to_string());
        let mut command = command("postgres");
        command.args(["-F", "-h", "127.0.0.1", "-p", &port, "-k"]).arg(&folder.0).arg("-D").arg(data);
        command.spawn().expect("PostgreSQL is needed: apt-get install postgresql")
    }

    fn url(&self) -> String {
        format!("postgres://test@127.0.0.1:{}/postgres", self.port)
    }

    async fn client(&self) -> Client {
        for _ in 0..1500 {
            if let Ok((client, connection)) = tokio_postgres::connect(&self.url(), NoTls).await {
                tokio::spawn(connection);
                return client;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("PostgreSQL does not answer");
    }

    async fn count(&self) -> u64 {
        let row = self.client().await.query_one("SELECT count(*) FROM usage_receipts", &[]).await.unwrap();
        u64::try_from(row.get::<_, i64>(0)).unwrap()
    }

    fn sink(&self, options: PostgresOptions) -> PostgresSink {
        let (sink, worker) = PostgresSink::new(&self.url(), options).unwrap();
        tokio::spawn(worker.run());
        sink
    }

    /// Ends it and all of its children at once.
    fn kill(&mut self) {
        let status = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn command(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    if let Some((user, group)) = not_root() {
        command.uid(user).gid(group);
    }
    command
}

/// Debian has the newest version's programs in a folder of their own.
fn binary(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut paths: Vec<_> =
        versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).collect();
    paths.sort();
    paths.pop().unwrap_or_else(|| name.into())
}

/// The user and group of the name `postgres`, if this is root.
fn not_root() -> Option<(u32, u32)> {
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let id = |flag| {
        let output = Command::new("id").args([flag, "postgres"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().expect("a user named postgres")
    };
    is_root.then(|| (id("-u"), id("-g")))
}

const AT_MOST: Duration = Duration::from_secs(30);

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn each_receipt_is_one_row_however_often_it_is_sent() {
    let postgres = Postgres::start().await;
    // Several at once, each of which would make the table, all with the same receipts.
    let sinks: Vec<_> = (0..4).map(|_| postgres.sink(PostgresOptions::new())).collect();
    for sink in &sinks {
        (0..300).for_each(|id| sink.record(&receipt(id.to_string())));
    }
    let mut odd = receipt("odd");
    odd.model = "a\0b \\u0000 \u{fc}\"".into();
    odd.usage.output = u64::MAX;
    odd.cost = Some(u64::MAX);
    odd.tags = [("team".into(), "x\0".into())].into();
    sinks[0].record(&odd);
    let mut bare = tower_completions::meter::Receipt::new("bare", Duration::ZERO, "m");
    bare.cost = None;
    sinks[0].record(&bare);
    for sink in &sinks {
        assert!(sink.flush(AT_MOST).await, "{sink:?}");
        assert_eq!((sink.stats().refused, sink.stats().dropped), (0, 0));
    }
    assert_eq!(postgres.count().await, 302);

    let client = postgres.client().await;
    let sums = "SELECT sum(prompt_tokens)::text, sum(cost_usd)::text, min(time)::text FROM usage_receipts WHERE key = 'alice' AND id <> 'odd'";
    let row = client.query_one(sums, &[]).await.unwrap();
    let expected = ("4500", "0.004800", "2026-11-22 10:00:00.25+00");
    client.batch_execute("SET timezone = 'UTC'").await.unwrap();
    let row_utc = client.query_one(sums, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1), row_utc.get::<_, &str>(2)), expected);
    let row = client.query_one("SELECT model, completion_tokens, cost_usd::text, receipt->'tags'->>'team', receipt->>'completion_tokens' FROM usage_receipts WHERE id = 'odd'", &[]);
    let row = row.await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "a\u{fffd}b \\u0000 \u{fc}\"");
    assert_eq!((row.get::<_, i64>(1), row.get::<_, &str>(2)), (i64::MAX, "18446744073.709551615"));
    assert_eq!((row.get::<_, &str>(3), row.get::<_, &str>(4)), ("x\u{fffd}", "18446744073709551615"));
    let row = client
        .query_one("SELECT key, cost_usd::text, first_token_ms FROM usage_receipts WHERE id = 'bare'", &[])
        .await
        .unwrap();
    assert_eq!(
        (row.get::<_, Option<&str>>(0), row.get::<_, Option<&str>>(1), row.get::<_, Option<i64>>(2)),
        (None, None, None)
    );
}

/// The table is locked while receipts are on their way: each try is given up and made anew, and then all of them go through.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_was_sent_again_and_again_counts_once() {
    let postgres = Postgres::start().await;
    let quick = DeliveryOptions::new().timeout(Duration::from_millis(700)).batch(16);
    let sink = postgres.sink(PostgresOptions::new().delivery(quick));
    sink.record(&receipt("first"));
    assert!(sink.flush(AT_MOST).await);
    let blocker = postgres.client().await;
    blocker.batch_execute("BEGIN; LOCK TABLE usage_receipts IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
    (0..100).for_each(|id| sink.record(&receipt(id.to_string())));
    until("it was tried again", || sink.stats().errors >= 3).await;
    blocker.batch_execute("COMMIT").await.unwrap();
    assert!(sink.flush(AT_MOST).await);
    assert_eq!(postgres.count().await, 101);
    assert_eq!((sink.stats().delivered, sink.stats().dropped), (101, 0));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn an_outage_loses_nothing_that_fits_and_counts_the_rest() {
    let mut postgres = Postgres::start().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let delivery = DeliveryOptions::new().queue(500).on_error({
        let told = told.clone();
        move |error| told.lock().unwrap().push(error.to_string())
    });
    // The table is made by hand here.
    let sink = postgres.sink(PostgresOptions::new().migrate(false).delivery(delivery));
    sink.record(&receipt("early"));
    until("there is no table", || sink.stats().errors >= 2).await;
    assert_eq!(told.lock().unwrap().len(), 1, "once for each outage");
    postgres.client().await.batch_execute(MIGRATION).await.unwrap();
    assert!(sink.flush(AT_MOST).await);

    postgres.kill();
    (0..600).for_each(|id| sink.record(&receipt(id.to_string())));
    let errors = sink.stats().errors;
    until("away", || sink.stats().errors > errors + 1).await;
    postgres.child = Postgres::spawn(postgres.port, &postgres.folder);
    assert!(sink.flush(AT_MOST).await);
    let stats = sink.stats();
    assert_eq!((stats.delivered, stats.delivered + stats.dropped), (postgres.count().await, 601));
    assert!(stats.dropped >= 1 && stats.dropped <= 100, "{stats:?}");
    assert_eq!(told.lock().unwrap().len(), 2, "{told:?}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn one_receipt_that_is_refused_keeps_no_other_back() {
    let postgres = Postgres::start().await;
    let client = postgres.client().await;
    client.batch_execute(MIGRATION).await.unwrap();
    client.batch_execute("ALTER TABLE usage_receipts ADD CHECK (key <> 'mallory')").await.unwrap();
    let sink = postgres.sink(PostgresOptions::new());
    for id in 0..50 {
        let mut receipt = receipt(id.to_string());
        if id % 10 == 3 {
            receipt.key = Some("mallory".into());
        }
        sink.record(&receipt);
    }
    assert!(sink.flush(AT_MOST).await);
    let stats = sink.stats();
    assert_eq!((stats.delivered, stats.refused, postgres.count().await), (45, 5, 45));
}
