//! Money in windows of the calendar.
//!
//! What is reserved for answers in progress counts as spent until it is settled. It is charged to the window in which it
//! is settled: an answer that runs over midnight is paid by the new day, as a provider's own bill does it.

use std::time::Duration;

use super::store::Spending;
use crate::auth::{Budget, BudgetWindow};
use crate::calendar::{DAY, date, first_day};

/// The spending of one budget, in nano-dollars.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    spent: u64,
    reserved: u64,
    /// The window in which it was spent.
    period: Period,
}

/// A window of the calendar: the day or the month since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Period {
    #[default]
    Total,
    Day(u32),
    Month(u32),
}

impl Period {
    fn of(window: BudgetWindow, now: Duration) -> Self {
        let day = now.as_secs() / DAY;
        match window {
            BudgetWindow::Day => Self::Day(u32::try_from(day).unwrap_or(u32::MAX)),
            BudgetWindow::Month => Self::Month(u32::try_from(month_of(day)).unwrap_or(u32::MAX)),
            BudgetWindow::Total => Self::Total,
        }
    }

    /// When it ends, in seconds since the epoch.
    fn end(self) -> Option<u64> {
        match self {
            Self::Total => None,
            Self::Day(day) => Some((u64::from(day) + 1) * DAY),
            Self::Month(month) => Some(first_day(u64::from(month) + 1) * DAY),
        }
    }

    /// Whether a later window of the same kind has begun. Another kind of window takes over what was spent.
    fn is_over(self, now: Self) -> bool {
        match (self, now) {
            (Self::Day(then), Self::Day(now)) | (Self::Month(then), Self::Month(now)) => now > then,
            _ => false,
        }
    }
}

/// The months from January 1970 to the month of a day since the epoch.
fn month_of(day: u64) -> u64 {
    let (year, month, _) = date(day);
    (year - 1970) * 12 + month - 1
}

impl Spent {
    fn settle_to(&self, budget: Budget, now: Duration) -> Self {
        let period = Period::of(budget.window, now);
        // Whoever looked at the clock before midnight may come after somebody who looked later.
        let period = if period.is_over(self.period) { self.period } else { period };
        let spent = if self.period.is_over(period) { 0 } else { self.spent };
        Self { spent, period, ..*self }
    }

    /// How much is spent and reserved.
    pub(crate) fn used(&self, budget: Budget, now: Duration) -> u64 {
        let now = self.settle_to(budget, now);
        now.spent.saturating_add(now.reserved)
    }

    /// Whether a reservation fits. A budget of which nothing is left admits nothing, whatever it costs.
    pub(crate) fn fits(&self, nano_usd: u64, budget: Budget, now: Duration) -> bool {
        let left = budget.nano_usd.saturating_sub(self.used(budget, now));
        left > 0 && nano_usd <= left
    }

    /// How long it takes until this window ends; `None` if it never does.
    pub(crate) fn reset(budget: Budget, now: Duration) -> Option<Duration> {
        let end = Period::of(budget.window, now).end()?;
        Some(Duration::from_secs(end).saturating_sub(now))
    }

    /// Holds money back for an answer in progress.
    pub(crate) fn reserve(&mut self, nano_usd: u64, budget: Budget, now: Duration) {
        *self = self.settle_to(budget, now);
        self.reserved = self.reserved.saturating_add(nano_usd);
    }

    /// Replaces a reservation by what was spent.
    pub(crate) fn settle(&mut self, reserved: u64, spent: u64, budget: Budget, now: Duration) {
        *self = self.settle_to(budget, now);
        self.reserved = self.reserved.saturating_sub(reserved);
        self.spent = self.spent.saturating_add(spent);
    }

    /// Counts what was spent at an earlier time, unless the window of that time is over.
    pub(crate) fn restore(&mut self, nano_usd: u64, at: Duration, budget: Budget, now: Duration) {
        *self = self.settle_to(budget, now);
        if !Period::of(budget.window, at).is_over(self.period) {
            self.spent = self.spent.saturating_add(nano_usd);
        }
    }

    /// How the budget stands.
    pub(crate) fn spending(&self, budget: Budget, now: Duration) -> Spending {
        Spending { limit: budget.nano_usd, spent: self.used(budget, now), reset: Self::reset(budget, now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-02-29T23:00:00Z.
    const LEAP_EVENING: Duration = Duration::from_secs(1_709_247_600);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn months_begin_where_the_calendar_says() {
        // From `date -u -d @…` of GNU coreutils.
        for (month, day) in
            [(0, 0), (1, 31), (2, 59), (12, 365), (25, 761), (26, 790), (361, 10_988), (362, 11_017), (649, 19_754)]
        {
            assert_eq!(first_day(month), day, "{month}");
        }
        let mut month = 0;
        for day in 0..400_000 {
            if first_day(month + 1) <= day {
                month += 1;
            }
            assert_eq!(month_of(day), month, "{day}");
        }
    }

    #[test]
    fn each_window_ends_when_it_should() {
        let day = Spent::reset(Budget::per_day_usd(1.0), LEAP_EVENING);
        let month = Spent::reset(Budget::per_month_usd(1.0), LEAP_EVENING);
        let earlier = Spent::reset(Budget::per_month_usd(1.0), LEAP_EVENING - 24 * HOUR);
        assert_eq!((day, month, earlier), (Some(HOUR), Some(HOUR), Some(25 * HOUR)));
        assert_eq!(Spent::reset(Budget::total_usd(1.0), LEAP_EVENING), None);
    }

    #[test]
    fn a_new_window_begins_with_what_is_in_progress() {
        for (budget, left) in [
            (Budget::new(100, BudgetWindow::Day), 90),
            (Budget::new(100, BudgetWindow::Month), 90),
            (Budget::new(100, BudgetWindow::Total), 30),
        ] {
            let mut spent = Spent::default();
            spent.settle(0, 60, budget, LEAP_EVENING);
            spent.reserve(10, budget, LEAP_EVENING);
            assert_eq!(spent.used(budget, LEAP_EVENING + HOUR), 100 - left, "{budget:?}");
            spent.settle(10, 7, budget, LEAP_EVENING + HOUR);
            assert_eq!(spent.used(budget, LEAP_EVENING + HOUR), 100 - left - 3, "the new window pays");
        }
    }

    #[test]
    fn what_is_spent_is_spent() {
        let budget = Budget::new(100, BudgetWindow::Total);
        let mut spent = Spent::default();
        assert!(spent.fits(100, budget, HOUR) && !spent.fits(101, budget, HOUR));
        spent.settle(0, 100, budget, HOUR);
        assert!(!spent.fits(0, budget, HOUR), "not even what is free");
        spent.settle(0, 50, budget, HOUR);
        assert_eq!(spent.spending(budget, HOUR), Spending { limit: 100, spent: 150, reset: None });
        assert!(!Spent::default().fits(0, Budget::new(0, BudgetWindow::Day), HOUR));
    }

    #[test]
    fn only_what_was_spent_in_this_window_comes_back() {
        let budget = Budget::new(100, BudgetWindow::Day);
        let mut spent = Spent::default();
        spent.restore(30, LEAP_EVENING - 48 * HOUR, budget, LEAP_EVENING);
        spent.restore(5, LEAP_EVENING - HOUR, budget, LEAP_EVENING);
        assert_eq!(spent.used(budget, LEAP_EVENING), 5);
        assert_eq!(spent.used(budget, LEAP_EVENING + HOUR), 0);
    }

    #[test]
    fn a_late_look_at_an_earlier_clock_changes_nothing() {
        let budget = Budget::new(100, BudgetWindow::Day);
        let mut spent = Spent::default();
        spent.settle(0, 100, budget, LEAP_EVENING + HOUR);
        spent.reserve(0, budget, LEAP_EVENING);
        assert_eq!(spent.used(budget, LEAP_EVENING + HOUR), 100);
    }

    #[test]
    fn another_kind_of_window_takes_over_what_was_spent() {
        let mut spent = Spent::default();
        spent.settle(0, 40, Budget::new(100, BudgetWindow::Day), LEAP_EVENING);
        assert_eq!(spent.used(Budget::new(100, BudgetWindow::Month), LEAP_EVENING), 40);
        assert_eq!(spent.used(Budget::new(100, BudgetWindow::Total), LEAP_EVENING + 48 * HOUR), 40);
    }
}
