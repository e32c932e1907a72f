//! Where receipts go: whole stacks with each sink behind their meter. Tests of real servers are ignored, since they need
//! `redis-server` or PostgreSQL: `.ci/run redis postgres` runs them.
#![cfg(target_os = "linux")] // what stands for a full disk is, and whose process this is
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod dead;
mod kill;
mod metrics;
mod postgres;
#[path = "../support/process.rs"]
mod process;
mod redis;
mod secrets;
mod spans;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tower::Layer;
use tower_completions::auth::{Key, MemoryKeys};
use tower_completions::chat::Chat;
use tower_completions::meter::log::LogReader;
use tower_completions::meter::span::{SpanLayer, Spanned};
use tower_completions::meter::{MeterLayer, Metered, Receipt, UsageSink};
use tower_completions::mock::Mock;
use tower_completions::price::{Price, PriceBook};
use tower_completions::{AuthLayer, ChatLayer, ModelRouter};
use tower_http::classify::{ServerErrorsAsFailures, SharedClassifier};
use tower_http::trace::{Trace, TraceLayer};

/// A folder that goes when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("sinks-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn log(&self) -> PathBuf {
        self.0.join("usage.jsonl")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Every line of a log, each of which must be whole.
fn lines(path: &Path) -> Vec<serde_json::Value> {
    let lines = std::io::BufRead::lines(LogReader::open(path).unwrap());
    lines.map(|line| serde_json::from_str(&line.unwrap()).expect("a whole line")).collect()
}

/// Border, meter, router and translation over a mock.
fn stack(mock: &Mock, sink: impl UsageSink) -> Chat<Metered<ModelRouter>> {
    let prices = PriceBook::from_prices([("m", Price::per_million(1.0, 2.0).unwrap())]);
    let router = support::models(support::openai("http://upstream.test/v1", mock.clone()));
    ChatLayer::new().layer(MeterLayer::new(sink).prices(prices).layer(router))
}

type Traced<S> = Trace<S, SharedClassifier<ServerErrorsAsFailures>>;

/// The same with a span around the meter, and another layer with a span of its own in between.
fn spanned(mock: &Mock, sink: impl UsageSink) -> Chat<Spanned<Traced<Metered<ModelRouter>>>> {
    let prices = PriceBook::from_prices([("m", Price::per_million(1.0, 2.0).unwrap())]);
    let router = support::models(support::openai("http://upstream.test/v1", mock.clone()));
    let traced = TraceLayer::new_for_http().layer(MeterLayer::new(sink).prices(prices).layer(router));
    ChatLayer::new().layer(SpanLayer::new().layer(traced))
}

/// The same behind a lock.
fn locked<S>(key: &str, inner: S) -> <AuthLayer<MemoryKeys> as Layer<S>>::Service {
    AuthLayer::new(MemoryKeys::from_keys([Key::new("alice", key).unwrap()]).unwrap()).layer(inner)
}

/// A receipt that is not like another.
fn receipt(id: impl Into<String>) -> Receipt {
    let mut receipt = Receipt::new(id.into(), Duration::from_millis(1_795_341_600_250), "asked");
    receipt.key = Some("alice".into());
    receipt.provider = Some("claude".into());
    receipt.served_model = Some("m".into());
    receipt.usage.input = 10;
    receipt.usage.cache_read = 5;
    receipt.usage.output = 3;
    receipt.cost = Some(16_000);
    receipt.duration = Duration::from_millis(250);
    receipt
}

/// Waits until something is so.
async fn until(what: &str, is: impl Fn() -> bool) {
    let waiting = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("not within 30 s: {what}"));
}
