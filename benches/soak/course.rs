//! The course of a soak: how fast it can go, how it is at rest, the load, and how it is at rest again.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::args::Args;
use super::checks::Checks;
use super::client::Clients;
use super::configuration::{self, KEYS};
use super::load::{self, Counts, Pace};
use super::plan::Plan;
use super::process::Gateway;
use super::provider::Providers;
use super::slots::{Seen, Slots};
use super::watch::{self, Holds, Sample, Watch};
use super::{ledger, limits};

/// By how many kB memory may grow in a minute: 1 MB in an hour. A run that is too short to tell such a slope from noise may grow
/// by as much as a small answer to a rare event costs, in all.
const SLOPE: f64 = 1024.0 / 60.0;
const LONG: f64 = 1200.0;
const GROWTH: f64 = 4096.0;
/// How long memory may take to go back to the system, and answers to end.
const REST: Duration = Duration::from_secs(15);
const PACE: usize = 1000;

pub(crate) async fn run(args: &Args) -> ExitCode {
    let _ = fs::remove_dir_all(&args.out);
    fs::create_dir_all(&args.out).unwrap();
    let log = args.out.join("usage.jsonl");
    let (slots, mut checks) = (Arc::new(Slots::new()), Checks::default());
    let providers = Providers::listen(&slots).await;
    let gateway = Gateway::configured("soak", &configuration::file(&log, &providers.urls()));
    let (process, ports, born) = (gateway.child.id(), providers.ports(), Instant::now());
    let rest = async || {
        sleep(REST).await;
        watch::holds(process, &ports)
    };

    let clients = Clients::of(&gateway.url);
    load::pace(&clients, &slots, process, PACE).await;
    // The baseline is that of a gateway that has been at its highest rate once, also if that is known.
    let (find, used) = (args.max_rate.map_or(args.find_seconds, |_| 5), watch::cpu(process));
    let found = load::highest(&clients, &slots, Duration::from_secs(find)).await;
    let busy = (watch::cpu(process) - used).as_secs_f64() * 100.0 / find as f64;
    let max_rate = args.max_rate.unwrap_or(found);
    println!("at most {max_rate:.0} requests a second; now {found:.0}, with {busy:.0} % of a core for the gateway");
    if args.find_only {
        return ExitCode::SUCCESS;
    }
    drop(clients);
    let baseline = rest().await;
    let clients = Clients::of(&gateway.url);
    let pace_before = load::pace(&clients, &slots, process, PACE).await;
    drop(clients);

    let (clients, counts, first) = (Clients::of(&gateway.url), Arc::new(Counts::default()), slots.count());
    let watching = Watch::begin(process, ports.clone(), counts.clone());
    let begin = Instant::now();
    load::steady(&clients, &slots, &counts, max_rate / 2.0, Duration::from_secs(args.seconds)).await;
    let lasted = begin.elapsed().as_secs_f64();
    let samples = watching.end().await;
    let loaded = first..slots.count();
    limits::permits(&clients, &mut checks).await;
    drop(clients);

    let after = rest().await;
    let clients = Clients::of(&gateway.url);
    let pace_after = load::pace(&clients, &slots, process, PACE).await;
    limits::refuse_one_more(&clients, &slots, &mut checks).await;
    limits::come_back(&clients, &mut checks).await;
    drop(clients);
    sleep(Duration::from_secs(2)).await;
    let end = watch::holds(process, &ports);

    // What is left of the last requests is no load any more.
    let loaded_samples = samples.partition_point(|sample| sample.second <= args.seconds as f64);
    let slope = remains(&samples[..loaded_samples], [baseline, after, end], &mut checks);
    let told = |pace: Pace| format!("{:.0} µs of CPU ({:.2} ms until half of them were there)", pace.cpu, pace.median);
    let found = format!("{} before, {} after", told(pace_before), told(pace_after));
    checks.that("an answer costs what it cost before", pace_after.cpu <= pace_before.cpu * 1.5, found);
    checks.that(
        "nothing is in progress at the providers",
        providers.in_flight() == 0,
        providers.in_flight().to_string(),
    );
    let withheld = counts.withheld.load(std::sync::atomic::Ordering::Relaxed);
    checks.that("the gateway kept up", withheld == 0, format!("{withheld} requests were not sent"));
    let seen = |what| limits::seen(&slots, 0..slots.count(), what);
    let strange = [Seen::Nothing, Seen::Lost, Seen::Wrong].map(seen);
    checks.that("nobody saw what may not be seen", strange == [0; 3], format!("{strange:?}"));

    let elapsed = born.elapsed();
    let ledger = ledger::read(&log, &slots, &mut checks);
    let clients = Clients::of(&gateway.url);
    limits::agree(&clients, &ledger, elapsed, &mut checks).await;
    drop(clients);
    gateway.signal("-TERM");
    let (status, _, said) = gateway.ended();
    checks.that(
        "it ends in order, and has complained of nothing",
        status.success() && said.is_empty(),
        format!("{status} {said}"),
    );

    // Another one begins where this one has ended.
    let again = Gateway::configured("soak-again", &configuration::file(&log, &providers.urls()));
    let (clients, mut spent) = (Clients::of(&again.url), Vec::new());
    for key in KEYS {
        spent.push(limits::spent(&clients, key).await);
    }
    checks.that(
        "a new process goes on from the ledger's sums",
        spent == ledger.nano,
        format!("{spent:?} nano-dollars"),
    );

    let faults: u64 = loaded.clone().map(|number| slots.get(number).faults()).sum();
    let tries: u64 = loaded.clone().map(|number| slots.get(number).tries()).sum();
    let streams = loaded.clone().filter(|number| Plan::mixed(*number).stream);
    let leaving = streams.clone().filter(|number| Plan::mixed(*number).leaves.is_some()).count();
    let counted =
        Seen::ALL.map(|what| (format!("{what:?}").to_lowercase(), limits::seen(&slots, loaded.clone(), what)));
    let summary = json!({
        "seconds": args.seconds, "lasted": lasted, "max_rate": max_rate.round(), "cpu_percent_then": busy.round(), "rate": (max_rate / 2.0).round(),
        "requests": loaded.end - loaded.start, "streams": streams.count(), "streams_to_be_left": leaving,
        "attempts": tries, "faults": faults, "seen": counted.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "lines": ledger.lines, "outcomes": ledger.outcomes, "nano_dollars": ledger.nano.iter().sum::<u64>(),
        "slope_kb_per_minute": slope, "cpu_us": [pace_before.cpu, pace_after.cpu], "median_ms": [pace_before.median, pace_after.median],
        "peak_kb": samples.iter().map(|sample| sample.holds.memory).max(), "baseline": holds(baseline), "after": holds(after), "end": holds(end), "jemalloc": cfg!(feature = "jemalloc"),
        "holds": checks.hold(), "checks": checks.json(),
    });
    fs::write(args.out.join("summary.json"), format!("{summary:#}\n")).unwrap();
    watch::write(&args.out.join("samples.csv"), &samples);
    if !args.keep {
        for file in fs::read_dir(&args.out).unwrap().map(|entry| entry.unwrap().path()) {
            if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("usage")) {
                let _ = fs::remove_file(file);
            }
        }
    }
    println!("{} requests, {faults} faults in {tries} attempts; {}", loaded.end - loaded.start, args.out.display());
    if checks.hold() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn holds(holds: Holds) -> Value {
    let Holds { memory, files, to_providers, threads } = holds;
    json!({"memory_kb": memory, "files": files, "to_providers": to_providers, "threads": threads})
}

/// What the process holds: before, right after the load, and when nothing is used any more.
fn remains(samples: &[Sample], [baseline, after, end]: [Holds; 3], checks: &mut Checks) -> f64 {
    let steady = &samples[samples.len() / 3..];
    let slope = watch::slope(steady);
    let seconds = samples.last().map_or(0.0, |sample| sample.second);
    let bound = if seconds >= LONG { SLOPE } else { GROWTH / (seconds * 2.0 / 3.0 / 60.0) };
    let found = format!("{slope:.1} kB a minute over the last two thirds, at most {bound:.1}");
    checks.that("memory does not grow", slope <= bound, found);
    let found = format!("{} kB before, {} right after, {} in the end", baseline.memory, after.memory, end.memory);
    checks.that("memory is back", end.memory as f64 <= baseline.memory as f64 + GROWTH, found);
    let own = |holds: Holds| holds.files - holds.to_providers;
    let files =
        |holds: Holds| format!("{} ({} of them idle connections to providers)", holds.files, holds.to_providers);
    let found = format!("{} before, {} right after, {} in the end", files(baseline), files(after), files(end));
    checks.that("files are back", own(after) == own(baseline) && own(end) == own(baseline), found);
    checks.that(
        "threads are back",
        end.threads <= baseline.threads,
        format!("{} and {}", baseline.threads, end.threads),
    );
    slope
}
