//! The store in memory under every schedule that shuttle finds: `RUSTFLAGS="--cfg shuttle" cargo test --lib limit::model`.

use std::time::Duration;

use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;

use super::{Admission, Ask, Cost, LimitStore, MemoryLimits, Reservation, Subject};
use crate::auth::{Budget, BudgetWindow, Limits};
use crate::clock::ManualClock;

const SCHEDULES: usize = 20_000;

fn store() -> MemoryLimits<ManualClock> {
    MemoryLimits::with_clock(ManualClock::new(Duration::from_secs(1_700_000_000)))
}

fn admit(store: &MemoryLimits<ManualClock>, subjects: &[Subject], tokens: u64, nano_usd: u64) -> Option<Reservation> {
    let estimate = Cost { requests: 1, tokens, nano_usd };
    let ask = Ask { subjects: subjects.to_vec(), estimate, enforce: true };
    match shuttle::future::block_on(store.admit(ask)).unwrap() {
        Admission::Admitted { reservation, .. } => Some(reservation),
        Admission::Refused { .. } => None,
    }
}

/// Two limits in two places, asked in both orders: exactly as many as the smaller one allows come through, and nobody
/// waits in a circle.
#[test]
fn all_or_none_whatever_the_order() {
    shuttle::check_random(
        || {
            let store = store();
            let alice = Subject::caller("alice", Limits::new().requests_per_minute(3));
            let team = Subject::scope("team", Limits::new().tokens_per_minute(20));
            let admitted = Arc::new(AtomicU64::new(0));
            let threads: Vec<_> = (0..4)
                .map(|at| {
                    let (store, admitted) = (store.clone(), admitted.clone());
                    let mut subjects = [alice.clone(), team.clone()];
                    if at % 2 == 1 {
                        subjects.reverse();
                    }
                    thread::spawn(move || {
                        if admit(&store, &subjects, 10, 0).is_some() {
                            admitted.fetch_add(1, Ordering::SeqCst);
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(admitted.load(Ordering::SeqCst), 2);
            let left = shuttle::future::block_on(store.standing(vec![alice])).unwrap()[0].requests.unwrap();
            assert_eq!(left.remaining, 1, "who is refused takes nothing");
        },
        SCHEDULES,
    );
}

/// Reserve, settle or be dropped: the money stays in the budget, the permits come back, and what was spent is there.
#[test]
fn reserve_settle_drop() {
    shuttle::check_random(
        || {
            let store = store();
            let limits = Limits::new().parallel(2).budget(Budget::new(100, BudgetWindow::Total));
            let alice = Subject::caller("alice", limits);
            let (running, spent) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            let threads: Vec<_> = (0..3)
                .map(|at| {
                    let (store, alice) = (store.clone(), alice.clone());
                    let (running, spent) = (running.clone(), spent.clone());
                    thread::spawn(move || {
                        for _ in 0..2 {
                            let Some(reservation) = admit(&store, std::slice::from_ref(&alice), 0, 40) else {
                                continue;
                            };
                            assert!(running.fetch_add(1, Ordering::SeqCst) < 2);
                            thread::yield_now();
                            running.fetch_sub(1, Ordering::SeqCst);
                            let cost = if at == 0 { 0 } else { 30 };
                            spent.fetch_add(cost, Ordering::SeqCst);
                            store.settle(reservation, Cost { requests: 1, tokens: 0, nano_usd: cost });
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            let standing = shuttle::future::block_on(store.standing(vec![alice])).unwrap().remove(0);
            assert_eq!(standing.parallel.unwrap().remaining, 2);
            assert_eq!(standing.budget.unwrap().spent, spent.load(Ordering::SeqCst));
            assert!(standing.budget.unwrap().spent <= 100);
        },
        SCHEDULES,
    );
}
