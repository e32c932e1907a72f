//! The load: as much as there is room for, or so many requests a second whatever becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::client::Clients;
use super::plan::Plan;
use super::slots::{Seen, Slots};
use super::watch;

/// How many clients wait for their answers while the highest rate is looked for.
const CLIENTS: usize = 512;
/// More than this in progress, and the gateway is not keeping up.
const MOST: u64 = 4_000;
const TICK: Duration = Duration::from_millis(4);

/// What is going on, for whoever looks.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) asked: AtomicU64,
    pub(crate) answered: AtomicU64,
    /// Not sent, since too much was in progress.
    pub(crate) withheld: AtomicU64,
}

impl Counts {
    pub(crate) fn in_flight(&self) -> u64 {
        self.asked.load(Ordering::Relaxed).saturating_sub(self.answered.load(Ordering::Relaxed))
    }
}

/// How many requests a second there are when each client asks again at once.
pub(crate) async fn highest(clients: &Clients, slots: &Arc<Slots>, time: Duration) -> f64 {
    let (over, mut tasks) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    let begin = Instant::now();
    for _ in 0..CLIENTS {
        let (clients, slots, over) = (clients.clone(), slots.clone(), over.clone());
        tasks.spawn(async move {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                clients.ask(&Plan::mixed(slots.number()), &slots).await;
                count += u64::from(!over.load(Ordering::Relaxed));
            }
            count
        });
    }
    sleep(time).await;
    over.store(true, Ordering::Relaxed);
    let elapsed = begin.elapsed().as_secs_f64();
    tasks.join_all().await.into_iter().sum::<u64>() as f64 / elapsed
}

/// So many requests a second, evenly, until all of them have ended.
pub(crate) async fn steady(clients: &Clients, slots: &Arc<Slots>, counts: &Arc<Counts>, rate: f64, time: Duration) {
    let (begin, mut due) = (Instant::now(), 0);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while begin.elapsed() < time {
        ticks.tick().await;
        let now = (begin.elapsed().as_secs_f64() * rate) as u64;
        for _ in due..now {
            if counts.in_flight() >= MOST {
                counts.withheld.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            counts.asked.fetch_add(1, Ordering::Relaxed);
            let (clients, slots, counts) = (clients.clone(), slots.clone(), counts.clone());
            tokio::spawn(async move {
                clients.ask(&Plan::mixed(slots.number()), &slots).await;
                counts.answered.fetch_add(1, Ordering::Relaxed);
            });
        }
        due = now;
    }
    while counts.in_flight() > 0 {
        sleep(TICK).await;
    }
}

/// What whole answers without faults cost, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// CPU time of the gateway for each, in microseconds.
    pub(crate) cpu: f64,
    /// What half of them took at most, in milliseconds.
    pub(crate) median: f64,
}

pub(crate) async fn pace(clients: &Clients, slots: &Slots, process: u32, requests: usize) -> Pace {
    let (mut times, before) = (Vec::new(), watch::cpu(process));
    for _ in 0..requests {
        let (plan, begin) = (Plan::calm(slots.number()), Instant::now());
        assert_eq!(clients.ask(&plan, slots).await, Seen::Whole, "without faults");
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let cpu = (watch::cpu(process) - before).as_secs_f64() * 1e6 / requests as f64;
    Pace { cpu, median: times[times.len() / 2] }
}
