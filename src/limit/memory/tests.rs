use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use futures_like::now_or_never;

use super::*;
use crate::auth::{Budget, BudgetWindow, Limits, Rate};
use crate::clock::ManualClock;
use crate::limit::Dimension;

const START: Duration = Duration::from_secs(1_700_000_000);
const SECOND: Duration = Duration::from_secs(1);

/// An admission in memory is ready at once.
mod futures_like {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    pub(super) fn now_or_never<F: Future>(future: F) -> F::Output {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }
}

fn store() -> (MemoryLimits<ManualClock>, ManualClock) {
    let clock = ManualClock::new(START);
    (MemoryLimits::with_clock(clock.clone()), clock)
}

fn ask(subjects: &[Subject], tokens: u64, nano_usd: u64) -> Ask {
    Ask { subjects: subjects.to_vec(), estimate: Cost { requests: 1, tokens, nano_usd }, enforce: true }
}

fn admit<C: Clock>(store: &MemoryLimits<C>, ask: Ask) -> Result<Reservation, Refusal> {
    match now_or_never(store.admit(ask)).unwrap() {
        Admission::Admitted { reservation, .. } => Ok(reservation),
        Admission::Refused { refusal, .. } => Err(refusal),
    }
}

fn cost(tokens: u64, nano_usd: u64) -> Cost {
    Cost { requests: 1, tokens, nano_usd }
}

fn used<C: Clock>(store: &MemoryLimits<C>, subject: &Subject) -> Standing {
    now_or_never(store.standing(vec![subject.clone()])).unwrap().remove(0)
}

#[test]
fn all_limits_admit_or_none_does() {
    let (store, _) = store();
    let alice = Subject::caller("alice", Limits::new().requests_per_minute(10));
    let team = Subject::scope("alice", Limits::new().tokens_per_minute(100));
    let both = [alice.clone(), team.clone()];
    admit(&store, ask(&both, 80, 0)).unwrap();
    let refusal = admit(&store, ask(&both, 30, 0)).unwrap_err();
    assert_eq!((refusal.dimension, refusal.kind, refusal.limit), (Dimension::Tokens, SubjectKind::Scope, 100));
    assert_eq!((refusal.used, refusal.asked, refusal.retry_after), (80, 30, Some(6 * SECOND)));
    assert_eq!(used(&store, &alice).requests.unwrap().remaining, 9, "the refused request took none");
}

#[test]
fn of_several_limits_the_one_that_takes_longest_is_named() {
    let (store, _) = store();
    let limits = Limits::new().requests_per_minute(1).tokens_per_minute(100).budget(Budget::total_usd(1.0));
    let alice = [Subject::caller("alice", limits)];
    admit(&store, ask(&alice, 50, Budget::NANO_USD)).unwrap();
    let refusal = admit(&store, ask(&alice, 60, 1)).unwrap_err();
    assert_eq!((refusal.dimension, refusal.retry_after), (Dimension::Budget, None));
}

#[test]
fn waiting_as_long_as_told_succeeds_and_a_tenth_less_does_not() {
    for (limits, tokens) in [
        (Limits::new().requests_per_minute(7), 0),
        (Limits::new().tokens_per_minute(1_003), 500),
        (Limits::new().tokens(Rate::new(90, Duration::from_millis(1700))), 7),
        (Limits::new().budget(Budget::new(3, BudgetWindow::Day)), 0),
        (Limits::new().budget(Budget::new(3, BudgetWindow::Month)), 0),
    ] {
        let (store, clock) = store();
        let alice = [Subject::caller("alice", limits)];
        let mut admitted = 0;
        let refusal = loop {
            match admit(&store, ask(&alice, tokens, 1)) {
                Ok(reservation) => store.settle(reservation, cost(tokens, 1)),
                Err(refusal) => break refusal,
            }
            admitted += 1;
        };
        assert!(admitted > 0);
        let wait = refusal.retry_after.unwrap();
        clock.advance(wait * 9 / 10);
        assert!(admit(&store, ask(&alice, tokens, 1)).is_err(), "{limits:?}");
        clock.advance(wait - wait * 9 / 10);
        assert!(admit(&store, ask(&alice, tokens, 1)).is_ok(), "{limits:?}");
    }
}

#[test]
fn what_is_settled_counts_instead_of_what_was_reserved() {
    let (store, clock) = store();
    let limits =
        Limits::new().tokens_per_minute(1000).requests_per_minute(5).budget(Budget::new(50, BudgetWindow::Total));
    let alice = Subject::caller("alice", limits);
    let first = admit(&store, ask(std::slice::from_ref(&alice), 800, 40)).unwrap();
    assert_eq!(used(&store, &alice).tokens.unwrap().remaining, 200);
    store.settle(first, cost(300, 10));
    let standing = used(&store, &alice);
    assert_eq!((standing.tokens.unwrap().remaining, standing.requests.unwrap().remaining), (700, 4));
    assert_eq!(standing.budget.unwrap().spent, 10);

    let second = admit(&store, ask(std::slice::from_ref(&alice), 100, 5)).unwrap();
    store.settle(second, cost(2000, 90));
    let refusal = admit(&store, ask(std::slice::from_ref(&alice), 1, 0)).unwrap_err();
    assert_eq!((refusal.dimension, refusal.used), (Dimension::Budget, 100), "the overdraft counts");
    clock.advance(60 * SECOND);
    assert_eq!(used(&store, &alice).tokens.unwrap().remaining, 0, "so does the debt, longer than a window");
    clock.advance(78 * SECOND);
    assert_eq!(used(&store, &alice).tokens.unwrap().remaining, 1000);
}

#[test]
fn what_reached_nobody_costs_nothing() {
    let (store, _) = store();
    let limits = Limits::new().requests_per_minute(1).tokens_per_minute(10).parallel(1).budget(Budget::total_usd(1.0));
    let alice = [Subject::caller("alice", limits)];
    for _ in 0..3 {
        let reservation = admit(&store, ask(&alice, 10, Budget::NANO_USD)).unwrap();
        store.settle(reservation, Cost::default());
    }
}

#[test]
fn a_guess_larger_than_the_limit_does_not_lock_out() {
    let (store, _) = store();
    let limits = Limits::new().tokens_per_minute(100).budget(Budget::new(10, BudgetWindow::Total));
    let alice = [Subject::caller("alice", limits)];
    let reservation = admit(&store, ask(&alice, 5000, 700)).unwrap();
    assert_eq!(reservation.ask.estimate, cost(100, 10));
    assert!(admit(&store, ask(&alice, 1, 0)).is_err());
    store.settle(reservation, cost(30, 2));
    assert!(admit(&store, ask(&alice, 70, 8)).is_ok());
}

#[test]
fn a_scope_that_stands_twice_counts_once() {
    let (store, _) = store();
    let team = Subject::scope("team", Limits::new().requests_per_minute(1).parallel(1));
    let reservation = admit(&store, ask(&[team.clone(), team.clone()], 0, 0)).unwrap();
    assert_eq!(reservation.ask.subjects.len(), 1);
    store.settle(reservation, Cost::default());
    assert!(admit(&store, ask(&[team.clone(), team], 0, 0)).is_ok());
}

#[test]
fn zero_means_none() {
    let (store, clock) = store();
    for limits in [
        Limits::new().requests_per_minute(0),
        Limits::new().tokens_per_minute(0),
        Limits::new().parallel(0),
        Limits::new().budget(Budget::total_usd(0.0)),
    ] {
        let refusal = admit(&store, ask(&[Subject::caller("x", limits)], 0, 0)).unwrap_err();
        assert_eq!((refusal.limit, refusal.retry_after), (0, None), "{limits:?}");
        clock.advance(3600 * SECOND);
    }
    assert!(store.is_empty(), "a refusal leaves no state");
}

#[test]
fn shadows_count_and_tell() {
    let (store, _) = store();
    let alice = Subject::caller("alice", Limits::new().requests_per_minute(1));
    let shadow = || Ask { enforce: false, ..ask(std::slice::from_ref(&alice), 0, 0) };
    let admission = || now_or_never(store.admit(shadow())).unwrap();
    assert!(matches!(admission(), Admission::Admitted { overrun: None, .. }));
    let Admission::Admitted { overrun: Some(overrun), left, .. } = admission() else { panic!("it is admitted") };
    assert_eq!((overrun.dimension, left.requests.unwrap().remaining), (Dimension::Requests, 0));
}

#[test]
fn limits_may_change_under_way() {
    let (store, _) = store();
    let with = |requests| [Subject::caller("alice", Limits::new().requests_per_minute(requests))];
    for _ in 0..3 {
        admit(&store, ask(&with(3), 0, 0)).unwrap();
    }
    assert!(admit(&store, ask(&with(3), 0, 0)).is_err());
    assert!(admit(&store, ask(&with(4), 0, 0)).is_ok());
    assert!(admit(&store, ask(&with(4), 0, 0)).is_err());
}

#[test]
fn what_no_longer_matters_is_forgotten_and_the_rest_is_not() {
    let (store, clock) = store();
    let subject = |at: usize, limits| [Subject::caller(format!("key-{at}"), limits)];
    let rate = Limits::new().requests_per_minute(5);
    let held = admit(&store, ask(&subject(0, rate), 0, 0)).unwrap();
    let spent = Limits::new().budget(Budget::total_usd(1.0));
    let reservation = admit(&store, ask(&subject(1, spent), 0, 7)).unwrap();
    store.settle(reservation, cost(0, 7));
    let debt = Limits::new().tokens_per_minute(10);
    let reservation = admit(&store, ask(&subject(2, debt), 10, 0)).unwrap();
    store.settle(reservation, cost(1000, 0));
    for at in 3..20_000 {
        let reservation = admit(&store, ask(&subject(at, rate), 0, 0)).unwrap();
        store.settle(reservation, cost(0, 0));
    }
    assert_eq!(store.len(), 20_000);
    clock.advance(60 * SECOND);
    store.sweep();
    assert_eq!(store.len(), 3);
    assert_eq!(used(&store, &subject(1, spent)[0]).budget.unwrap().spent, 7);
    assert_eq!(used(&store, &subject(2, debt)[0]).tokens.unwrap().remaining, 0);
    store.settle(held, cost(0, 0));
    clock.advance(7000 * SECOND);
    store.sweep();
    assert_eq!(store.len(), 1, "a total is kept for ever");
}

#[test]
fn a_key_is_small() {
    assert!(size_of::<(Arc<str>, Account)>() <= 136, "a hundred thousand keys are in tables of twice as many places");
}

#[test]
fn strangers_leave_no_more_state_than_a_window_of_them() {
    let (store, clock) = store();
    let limits = Limits::new().requests_per_minute(5);
    for at in 0..200_000 {
        let reservation = admit(&store, ask(&[Subject::caller(format!("{at}"), limits)], 0, 0)).unwrap();
        store.settle(reservation, cost(0, 0));
        clock.advance(Duration::from_millis(100));
    }
    assert!(store.len() < 2 * SHARDS * FIRST_SWEEP, "{}", store.len());
    let unlimited = Subject::caller("free", Limits::new());
    let before = store.len();
    admit(&store, ask(&[unlimited], 5, 5)).unwrap();
    assert_eq!(store.len(), before);
}

#[test]
fn what_was_spent_before_a_restart_counts() {
    let (store, _) = store();
    let alice = Subject::caller("alice", Limits::new().budget(Budget::new(100, BudgetWindow::Day)));
    store.restore(&alice, 60, START - SECOND);
    store.restore(&alice, 60, START - 86_400 * SECOND);
    assert!(admit(&store, ask(std::slice::from_ref(&alice), 0, 40)).is_ok());
    assert!(admit(&store, ask(std::slice::from_ref(&alice), 0, 1)).is_err());
}

/// 64 threads at the edge of each limit in turn, with a caller each and a team in common.
#[test]
fn nobody_slips_through_in_a_race() {
    const EDGE: u64 = 37;
    for round in 0..200 {
        let (store, _) = store();
        let wide = Limits::new().requests_per_minute(1000).tokens_per_minute(100_000).parallel(1000);
        let team = Subject::scope(
            "team",
            match round % 3 {
                0 => wide.requests_per_minute(EDGE),
                1 => wide.tokens_per_minute(EDGE * 100),
                _ => wide.parallel(EDGE),
            },
        );
        let admitted = AtomicU64::new(0);
        thread::scope(|scope| {
            for at in 0..64_u64 {
                let (store, team, admitted) = (store.clone(), team.clone(), &admitted);
                scope.spawn(move || {
                    let caller = Subject::caller(format!("{}", at % 8), Limits::new().requests_per_minute(6));
                    let Ok(reservation) = admit(&store, ask(&[team, caller], 100, 0)) else { return };
                    admitted.fetch_add(1, Ordering::SeqCst);
                    // Permits stay out in the rounds that are about them.
                    if round % 3 != 2 && at % 3 == 0 {
                        store.settle(reservation, cost(100, 0));
                    }
                });
            }
        });
        assert_eq!(admitted.load(Ordering::SeqCst), EDGE, "no more, and none refused for another's sake: {round}");
    }
}

#[test]
fn money_races_stay_in_the_budget() {
    for _ in 0..200 {
        let (store, _) = store();
        let alice = Subject::caller("alice", Limits::new().budget(Budget::new(1000, BudgetWindow::Total)));
        thread::scope(|scope| {
            for at in 0..64 {
                let (store, alice) = (store.clone(), alice.clone());
                scope.spawn(move || {
                    for _ in 0..20 {
                        if let Ok(reservation) = admit(&store, ask(std::slice::from_ref(&alice), 0, 10)) {
                            store.settle(reservation, cost(0, 5 + at % 5));
                        }
                    }
                });
            }
        });
        let spent = used(&store, &alice).budget.unwrap().spent;
        assert!((991..=1000).contains(&spent), "{spent}");
    }
}

/// Requests come at 95 % of what the key may use, with pauses at random, and answer with a tenth to six tenths of their
/// `max_tokens`, after up to seven seconds.
#[test]
fn a_key_that_keeps_to_its_limit_is_not_refused() {
    const REQUESTS: u64 = 20_000;
    let (prompt, cap) = (200_u64, 1000_u64);
    let mean = prompt + cap * 35 / 100;
    let minute = |share: f64| share * 60.0 * 1_000_000_000.0;
    for (limits, every) in [
        (Limits::new().tokens_per_minute(100_000), minute(mean as f64 / (0.95 * 100_000.0))),
        (Limits::new().requests_per_minute(60), minute(1.0 / (0.95 * 60.0))),
        // A nano-dollar for each token.
        (Limits::new().budget(Budget::new(REQUESTS * mean * 100 / 95, BudgetWindow::Total)), minute(0.01)),
        // Some six answers at a time, of up to seven seconds.
        (Limits::new().parallel(20), minute(1.0 / 80.0)),
    ] {
        let (store, clock) = store();
        let alice = Subject::caller("alice", limits);
        let mut dice = 7_u64;
        let mut roll = |below: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % below
        };
        let mut running: Vec<(Duration, Reservation, u64)> = Vec::new();
        let mut refused = 0;
        for _ in 0..REQUESTS {
            clock.advance(Duration::from_nanos((every * (0.5 + roll(1000) as f64 / 1000.0)) as u64));
            let now = clock.now();
            while let Some(at) = running.iter().position(|(end, ..)| *end <= now) {
                let (_, reservation, tokens) = running.swap_remove(at);
                store.settle(reservation, cost(tokens, tokens));
            }
            match admit(&store, ask(std::slice::from_ref(&alice), prompt + cap, prompt + cap)) {
                Ok(reservation) => {
                    let output = cap * (10 + roll(51)) / 100;
                    let lasts = Duration::from_millis(500 + output * 10);
                    running.push((now + lasts, reservation, prompt + output));
                }
                Err(_) => refused += 1,
            }
        }
        assert!(refused * 100 < REQUESTS, "{refused} of {REQUESTS}: {limits:?}");
    }
}

#[test]
fn subjects_do_not_all_wait_for_the_same_lock() {
    let places = (0..1000).map(|at| place(&Subject::caller(format!("key-{at}"), Limits::new())));
    let used = places.collect::<std::collections::HashSet<_>>().len();
    assert!(used > SHARDS / 2, "{used} of {SHARDS}");
}

#[test]
fn a_budget_of_nothing_is_not_there_tomorrow_either() {
    let (store, _) = store();
    let nothing = Limits::new().budget(Budget::new(0, BudgetWindow::Day));
    let refusal = admit(&store, ask(&[Subject::caller("x", nothing)], 0, 1)).unwrap_err();
    assert_eq!((refusal.dimension, refusal.retry_after), (Dimension::Budget, None));
    let little = Limits::new().budget(Budget::new(5, BudgetWindow::Day));
    let ask = || ask(&[Subject::caller("y", little)], 0, 5);
    admit(&store, ask()).unwrap();
    assert!(admit(&store, ask()).unwrap_err().retry_after.is_some());
}

#[test]
fn who_spent_nothing_is_forgotten_before_the_budget_begins_anew() {
    let (store, clock) = store();
    let subject =
        [Subject::caller("x", Limits::new().requests_per_minute(5).budget(Budget::new(100, BudgetWindow::Month)))];
    let reservation = admit(&store, ask(&subject, 0, 7)).unwrap();
    assert!(!store.is_empty());
    store.settle(reservation, cost(0, 0));
    clock.advance(60 * SECOND);
    store.sweep();
    assert!(store.is_empty());
}
