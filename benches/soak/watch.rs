//! The gateway as /proc sees it.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::load::Counts;

/// What a process has at one time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Holds {
    /// Resident memory, in kB.
    pub(crate) memory: u64,
    pub(crate) files: u64,
    /// How many of these are connections to the providers.
    pub(crate) to_providers: u64,
    pub(crate) threads: u64,
}

pub(crate) fn holds(process: u32, providers: &[u16]) -> Holds {
    let folder = format!("/proc/{process}");
    let status = fs::read_to_string(format!("{folder}/status")).unwrap();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    // A file may be closed between the listing and the look at it.
    let links =
        fs::read_dir(format!("{folder}/fd")).unwrap().map_while(Result::ok).map(|entry| fs::read_link(entry.path()));
    let links: Vec<_> = links.collect();
    let sockets: HashSet<String> = links
        .iter()
        .filter_map(|link| Some(link.as_ref().ok()?.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = fs::read_to_string(format!("{folder}/net/tcp")).unwrap();
    let to_providers = table.lines().skip(1).filter(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let port = fields[2].split(':').nth(1).and_then(|port| u16::from_str_radix(port, 16).ok());
        sockets.contains(fields[9]) && port.is_some_and(|port| providers.contains(&port))
    });
    Holds {
        memory: number("VmRSS:"),
        files: links.len() as u64,
        to_providers: to_providers.count() as u64,
        threads: number("Threads:"),
    }
}

/// CPU time so far, of the threads that there are.
pub(crate) fn cpu(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap().map_while(Result::ok);
    let times = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    Duration::from_nanos(times.map(|times| times.split(' ').next().unwrap().parse::<u64>().unwrap()).sum())
}

/// One second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) second: f64,
    pub(crate) holds: Holds,
    /// Of one core.
    pub(crate) cpu_percent: f64,
    pub(crate) answers: f64,
    pub(crate) in_flight: u64,
}

/// Looks every second, until it is stopped.
pub(crate) struct Watch {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Vec<Sample>>,
}

impl Watch {
    pub(crate) fn begin(process: u32, providers: Vec<u16>, counts: Arc<Counts>) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let (begin, mut samples) = (Instant::now(), Vec::new());
            let mut clock = interval(Duration::from_secs(1));
            clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
            clock.tick().await;
            let (mut last, mut used, mut answered) = (begin, cpu(process), 0);
            while stopped.try_recv().is_err() {
                clock.tick().await;
                let (now, using, answers) = (Instant::now(), cpu(process), counts.answered.load(Ordering::Relaxed));
                let passed = (now - last).as_secs_f64();
                samples.push(Sample {
                    second: (now - begin).as_secs_f64(),
                    holds: holds(process, &providers),
                    cpu_percent: using.saturating_sub(used).as_secs_f64() * 100.0 / passed,
                    answers: (answers - answered) as f64 / passed,
                    in_flight: counts.in_flight(),
                });
                (last, used, answered) = (now, using, answers);
            }
            samples
        });
        Self { stop, task }
    }

    pub(crate) async fn end(self) -> Vec<Sample> {
        let _ = self.stop.send(());
        self.task.await.unwrap()
    }
}

/// By how many kB memory grows in a minute: the line of least squares through the samples.
pub(crate) fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (minute, memory) = (|sample: &Sample| sample.second / 60.0, |sample: &Sample| sample.holds.memory as f64);
    let (middle, level) = (mean(&minute), mean(&memory));
    let shared = mean(&|sample| (minute(sample) - middle) * (memory(sample) - level));
    shared / mean(&|sample| (minute(sample) - middle).powi(2))
}

pub(crate) fn write(path: &Path, samples: &[Sample]) {
    let mut text = String::from("second,memory_kb,files,to_providers,threads,cpu_percent,answers,in_flight\n");
    for Sample { second, holds: Holds { memory, files, to_providers, threads }, cpu_percent, answers, in_flight } in
        samples
    {
        writeln!(
            text,
            "{second:.0},{memory},{files},{to_providers},{threads},{cpu_percent:.0},{answers:.0},{in_flight}"
        )
        .unwrap();
    }
    fs::write(path, text).unwrap();
}
