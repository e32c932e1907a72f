//! A rate with a memory: the generic cell rate algorithm, counted exactly, with refunds and debts.
//!
//! What was used stands in a queue that drains evenly, the whole amount of a rate in one window. A request is admitted
//! if it still fits into the amount. What it really cost is known later: a refund takes out of the queue what is left of
//! the request's own part, never what others have put in since; a debt is put in at the end, however much it is, and
//! later requests wait until it has drained.
//!
//! The level is counted in units times nanoseconds of the window, as a whole number: a drain of `amount` a window is then
//! `amount` a nanosecond, without any rounding. So exactly as many units are admitted as the rate says, and a wait is
//! exact to the nanosecond. With amounts up to 2^64 and windows of centuries all of it fits into 128 bits.

use std::time::Duration;

use super::store::Allowance;
use crate::auth::Rate;

/// Units times nanoseconds.
type Scaled = u128;

/// A [`Scaled`] in two words, which do not need the alignment of one.
#[derive(Clone, Copy, Debug, Default)]
struct Halves([u64; 2]);

impl Halves {
    fn get(self) -> Scaled {
        let [high, low] = self.0;
        Scaled::from(high) << 64 | Scaled::from(low)
    }

    fn set(&mut self, scaled: Scaled) {
        self.0 = [(scaled >> 64) as u64, scaled as u64];
    }
}

/// The use of one rate: 40 bytes, of which there are two for each key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    level: Halves,
    /// All units that were ever put in: the place of whatever comes next in the queue. What was refunded counts as
    /// drained, so that a later refund can only give back too little.
    charged: u64,
    /// When the level was right, in nanoseconds.
    at: u64,
    /// The nanoseconds by which the level is scaled.
    window: u64,
}

impl Bucket {
    /// What is left by now. A rate that has changed takes over what was used.
    fn settle_to(&self, rate: Rate, now: u64) -> Self {
        let window = nanos(rate.window).max(MIN_WINDOW);
        let mut bucket = *self;
        let mut level = self.level.get();
        if self.window != window {
            level = rescale(level, self.window, window);
            bucket.window = window;
        }
        let passed = Scaled::from(now.saturating_sub(self.at));
        bucket.level.set(level.saturating_sub(passed * Scaled::from(rate.amount)));
        bucket.at = self.at.max(now);
        bucket
    }

    /// Whether this many units have to wait.
    pub(crate) fn fits(&self, units: u64, rate: Rate, now: u64) -> bool {
        let bucket = self.settle_to(rate, now);
        rate.amount > 0 && bucket.level.get().saturating_add(bucket.scaled(units)) <= bucket.scaled(rate.amount)
    }

    /// How long this many units have to wait; `None` if no time is long enough.
    pub(crate) fn wait(&self, units: u64, rate: Rate, now: u64) -> Option<Duration> {
        let bucket = self.settle_to(rate, now);
        let full = bucket.scaled(rate.amount);
        let surplus = bucket.level.get().saturating_add(bucket.scaled(units)).saturating_sub(full);
        match rate.amount {
            0 => None,
            amount => Some(from_nanos(surplus.div_ceil(Scaled::from(amount)))),
        }
    }

    /// Puts units in, whether they fit or not. The mark is for [`refund`](Self::refund).
    pub(crate) fn charge(&mut self, units: u64, rate: Rate, now: u64) -> u64 {
        *self = self.settle_to(rate, now);
        let mark = self.charged;
        self.charged = self.charged.saturating_add(units);
        self.level.set(self.level.get().saturating_add(self.scaled(units)));
        mark
    }

    /// Takes out what is left of `back` units at the end of a part of `units` that was put in at `mark`.
    pub(crate) fn refund(&mut self, back: u64, units: u64, mark: u64, rate: Rate, now: u64) {
        *self = self.settle_to(rate, now);
        let drained = self.scaled(self.charged).saturating_sub(self.level.get());
        let left = self.scaled(mark.saturating_add(units)).saturating_sub(drained).min(self.scaled(back));
        self.level.set(self.level.get().saturating_sub(left));
    }

    /// How much of the rate is left.
    pub(crate) fn allowance(&self, rate: Rate, now: u64) -> Allowance {
        let bucket = self.settle_to(rate, now);
        let free = bucket.scaled(rate.amount).saturating_sub(bucket.level.get());
        Allowance { limit: rate.amount, remaining: bucket.units(free), reset: bucket.drained_in(rate) }
    }

    /// How long it takes until all of the rate is there again.
    pub(crate) fn reset(&self, rate: Rate, now: u64) -> Duration {
        self.settle_to(rate, now).drained_in(rate)
    }

    fn drained_in(&self, rate: Rate) -> Duration {
        match rate.amount {
            0 => rate.window,
            amount => from_nanos(self.level.get().div_ceil(Scaled::from(amount))),
        }
    }

    fn scaled(&self, units: u64) -> Scaled {
        Scaled::from(units) * Scaled::from(self.window)
    }

    fn units(&self, scaled: Scaled) -> u64 {
        u64::try_from(scaled / Scaled::from(self.window.max(1))).unwrap_or(u64::MAX)
    }
}

/// A millisecond, as [`Rate::new`] has it.
const MIN_WINDOW: u64 = 1_000_000;

/// A level for another window, rounded up.
fn rescale(level: Scaled, from: u64, to: u64) -> Scaled {
    let (from, to) = (Scaled::from(from.max(1)), Scaled::from(to));
    let rest = (level % from).saturating_mul(to).div_ceil(from);
    (level / from).saturating_mul(to).saturating_add(rest)
}

pub(crate) fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(time.subsec_nanos()))
}

fn from_nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const NOW: u64 = 1_700_000_000 * SECOND;

    fn admit(bucket: &mut Bucket, units: u64, rate: Rate, now: u64) -> bool {
        let fits = bucket.fits(units, rate, now);
        assert_eq!(fits, bucket.wait(units, rate, now) == Some(Duration::ZERO));
        if fits {
            bucket.charge(units, rate, now);
        }
        fits
    }

    #[test]
    fn exactly_the_amount_fits_whatever_it_is() {
        for amount in [1, 3, 7, 60, 999, 1_000_003] {
            let rate = Rate::per_minute(amount);
            let mut bucket = Bucket::default();
            assert!(admit(&mut bucket, amount - 1, rate, NOW) && admit(&mut bucket, 1, rate, NOW), "{amount}");
            assert!(!admit(&mut bucket, 1, rate, NOW), "{amount}");
        }
    }

    #[test]
    fn a_wait_is_exact_to_the_nanosecond() {
        for amount in [1, 7, 60, 100_000, 1_000_000_000] {
            let rate = Rate::per_minute(amount);
            let mut bucket = Bucket::default();
            bucket.charge(amount, rate, NOW);
            let wait = nanos(bucket.wait(1, rate, NOW).unwrap());
            assert!(bucket.wait(1, rate, NOW + wait - 1).unwrap() > Duration::ZERO, "{amount}");
            assert_eq!(bucket.wait(1, rate, NOW + wait), Some(Duration::ZERO), "{amount}");
        }
    }

    #[test]
    fn what_was_used_is_back_one_window_later() {
        let rate = Rate::per_minute(60);
        let mut bucket = Bucket::default();
        bucket.charge(60, rate, NOW);
        let allowance = bucket.allowance(rate, NOW + 30 * SECOND);
        assert_eq!(allowance, Allowance { limit: 60, remaining: 30, reset: Duration::from_secs(30) });
        assert_eq!(bucket.allowance(rate, NOW + 60 * SECOND).reset, Duration::ZERO);
    }

    #[test]
    fn a_debt_is_never_forgiven() {
        let rate = Rate::per_minute(60);
        let mut bucket = Bucket::default();
        bucket.charge(300, rate, NOW);
        assert_eq!(bucket.wait(1, rate, NOW), Some(Duration::from_secs(241)));
        assert_eq!(bucket.allowance(rate, NOW).remaining, 0);
        assert_eq!(bucket.allowance(rate, NOW).reset, Duration::from_secs(300));
    }

    #[test]
    fn zero_means_none_at_any_time() {
        let rate = Rate::per_minute(0);
        let bucket = Bucket::default();
        assert_eq!((bucket.wait(1, rate, NOW), bucket.wait(0, rate, NOW)), (None, None));
        assert!(!bucket.fits(0, rate, NOW));
    }

    #[test]
    fn a_refund_gives_back_what_was_reserved_too_much() {
        let rate = Rate::per_minute(1000);
        let mut bucket = Bucket::default();
        let mark = bucket.charge(1000, rate, NOW);
        bucket.refund(700, 1000, mark, rate, NOW + 6 * SECOND);
        assert_eq!(bucket.allowance(rate, NOW + 6 * SECOND).remaining, 800);
    }

    #[test]
    fn a_refund_never_takes_out_what_others_have_put_in() {
        let rate = Rate::per_minute(60);
        let mut bucket = Bucket::default();
        let mark = bucket.charge(60, rate, NOW);
        let later = NOW + 50 * SECOND;
        assert!(admit(&mut bucket, 40, rate, later));
        bucket.refund(60, 60, mark, rate, later + SECOND);
        assert_eq!(bucket.allowance(rate, later + SECOND).remaining, 20, "40 of another request are still there");
        let long_after = later + 600 * SECOND;
        bucket.charge(60, rate, long_after);
        bucket.refund(60, 60, mark, rate, long_after);
        assert_eq!(bucket.allowance(rate, long_after).remaining, 0);
    }

    /// Reported by a reviewer: refunds from the middle of the queue moved the places of what came after.
    #[test]
    fn many_refunds_in_any_order_never_admit_more_than_was_not_used() {
        let rate = Rate::new(1000, Duration::from_secs(1000));
        let mut bucket = Bucket::default();
        let marks: Vec<u64> = (0..10).map(|_| bucket.charge(100, rate, NOW)).collect();
        for mark in &marks[..5] {
            bucket.refund(100, 100, *mark, rate, NOW);
        }
        let later = NOW + 550 * SECOND;
        assert!(admit(&mut bucket, 1000, rate, later));
        for mark in &marks[5..] {
            bucket.refund(100, 100, *mark, rate, later);
        }
        assert_eq!(bucket.allowance(rate, later).remaining, 0, "1000 were used a moment ago");
    }

    #[test]
    fn changing_windows_back_and_forth_forgives_nothing() {
        let (one, other) = (Rate::per_minute(60), Rate::new(60, Duration::from_millis(7)));
        let mut bucket = Bucket::default();
        bucket.charge(60, one, NOW);
        for flip in 0..100 {
            bucket.charge(0, if flip % 2 == 0 { other } else { one }, NOW);
        }
        assert!(!bucket.fits(1, one, NOW));
        let none = Rate { amount: 1, window: Duration::ZERO };
        let mut bucket = Bucket::default();
        bucket.charge(1, none, NOW);
        assert!(!bucket.fits(1, none, NOW));
    }

    #[test]
    fn a_changed_rate_takes_over_what_was_used() {
        let mut bucket = Bucket::default();
        bucket.charge(50, Rate::per_minute(60), NOW);
        assert_eq!(bucket.allowance(Rate::per_minute(100), NOW).remaining, 50);
        assert_eq!(bucket.allowance(Rate::new(60, Duration::from_secs(3600)), NOW).remaining, 10);
        assert_eq!(bucket.allowance(Rate::per_minute(10), NOW).remaining, 0);
    }

    #[test]
    fn nothing_overflows() {
        let rate = Rate::new(u64::MAX, Duration::from_secs(100 * 365 * 86_400));
        let mut bucket = Bucket::default();
        bucket.charge(u64::MAX, rate, NOW);
        let mark = bucket.charge(u64::MAX, rate, NOW);
        bucket.refund(u64::MAX, u64::MAX, mark, rate, u64::MAX);
        assert!(bucket.wait(u64::MAX, Rate::new(1, Duration::MAX), u64::MAX).is_some());
    }

    proptest! {
        /// However the requests come, no stretch of time sees more than the amount and what drains in it.
        #[test]
        fn never_more_than_the_rate(amount in 1..200_u64, asks in prop::collection::vec((1..60_u64, 0..5_000_u64), 1..80)) {
            let rate = Rate::new(amount, Duration::from_secs(10));
            let mut bucket = Bucket::default();
            let (mut now, mut admitted) = (NOW, Vec::new());
            for (units, millis) in asks {
                now += millis * 1_000_000;
                if admit(&mut bucket, units, rate, now) {
                    admitted.push((now, units));
                }
            }
            for (from, &(start, _)) in admitted.iter().enumerate() {
                let mut used = 0;
                for &(at, units) in &admitted[from..] {
                    used += units;
                    let drained = u128::from(at - start) * u128::from(amount) / u128::from(10 * SECOND);
                    prop_assert!(u128::from(used) <= u128::from(amount) + drained + 1);
                }
            }
        }
    }
}
