//! Who rests, and for how long.

use std::time::Duration;

use crate::error::FailureClass;

/// When a target rests after failures, and for how long.
///
/// ```
/// use std::time::Duration;
/// use tower_completions::route::Health;
///
/// let health = Health::new().failures(5).rest(Duration::from_secs(1), Duration::from_secs(30)).refuse_when_all_rest();
/// ```
#[derive(Clone, Debug)]
pub struct Health {
    failures: u32,
    rest: Duration,
    max_rest: Duration,
    max_retry_after: Duration,
    pub(super) refuse_when_all_rest: bool,
}

impl Health {
    /// A target rests after 3 failures in a row, for 5 seconds, and after each failed probe twice as long, up to a minute. A
    /// provider's `retry-after` is respected up to 10 minutes. When all rest, the one that would be back first is tried.
    pub fn new() -> Self {
        Self {
            failures: 3,
            rest: Duration::from_secs(5),
            max_rest: Duration::from_secs(60),
            max_retry_after: Duration::from_secs(600),
            refuse_when_all_rest: false,
        }
    }

    /// After how many failures in a row a target rests; 0 is 1. A 429, a refusal of our account and a model that the provider
    /// does not know make it rest at once.
    #[must_use]
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures.max(1);
        self
    }

    /// How long a target rests the first time, and at most.
    #[must_use]
    pub fn rest(mut self, first: Duration, longest: Duration) -> Self {
        (self.rest, self.max_rest) = (first, longest.max(first));
        self
    }

    /// How long a provider's `retry-after` can make a target rest.
    #[must_use]
    pub fn max_retry_after(mut self, longest: Duration) -> Self {
        self.max_retry_after = longest;
        self
    }

    /// Answers 503 with `retry-after` when all targets rest, and asks nobody: for a model that has fallbacks.
    #[must_use]
    pub fn refuse_when_all_rest(mut self) -> Self {
        self.refuse_when_all_rest = true;
        self
    }

    /// How long the next rest is, after so many.
    fn rest_after(&self, rests: u32) -> Duration {
        self.rest.saturating_mul(2_u32.saturating_pow(rests)).min(self.max_rest)
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

/// What is known of one target. All times are those of one clock.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// In a row.
    pub(super) failures: u32,
    /// In a row, without a success between them.
    rests: u32,
    /// `None` of a target that is well.
    pub(super) until: Option<Duration>,
    /// One request finds out whether it is well again.
    is_probed: bool,
    /// Requests that it was asked, to the last byte of their answers.
    pub(super) in_flight: u32,
    pub(super) asked: u64,
    pub(super) failed: u64,
    /// To the first event of a stream, or to the whole of another answer; and when that was measured.
    pub(super) first_token: Option<(Duration, Duration)>,
}

/// What an answer says of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is well.
    Well,
    /// It has failed.
    Failed,
    /// It has said itself that it will not serve, or will not soon.
    Away,
    /// It was not asked, or not to the end.
    Unknown,
}

impl Verdict {
    /// `is_told_when` is whether the answer says when to come again.
    pub(super) fn of(class: Option<FailureClass>, is_told_when: bool) -> Self {
        let Some(class) = class else { return Self::Well };
        match class {
            FailureClass::RateLimited | FailureClass::Account | FailureClass::UnknownModel => Self::Away,
            FailureClass::Overloaded if is_told_when => Self::Away,
            FailureClass::Unsupported | FailureClass::Shed => Self::Unknown,
            class if class.falls_back() && class != FailureClass::Conflict => Self::Failed,
            _ => Self::Well,
        }
    }
}

/// Whether a target can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Ready,
    /// It has rested enough, and one request may find out.
    Probe,
    Resting,
}

impl Condition {
    pub(super) fn standing(&self, now: Duration) -> Standing {
        match self.until {
            None => Standing::Ready,
            Some(until) if now < until || self.is_probed => Standing::Resting,
            Some(_) => Standing::Probe,
        }
    }

    /// A request is about to be sent. Returns whether it is the probe.
    pub(super) fn begin(&mut self, now: Duration) -> bool {
        self.in_flight += 1;
        self.asked += 1;
        let is_probe = self.standing(now) == Standing::Probe;
        self.is_probed |= is_probe;
        is_probe
    }

    /// The first that is known of a request: the head of its answer, or why there is none.
    pub(super) fn judge(
        &mut self,
        verdict: Verdict,
        is_probe: bool,
        now: Duration,
        retry_after: Option<Duration>,
        health: &Health,
    ) {
        if is_probe {
            self.is_probed = false;
        }
        match verdict {
            // Whoever was sent before the rest began says nothing of what is now.
            Verdict::Well if is_probe || self.until.is_none_or(|until| now >= until) => {
                self.recovered();
            }
            Verdict::Failed | Verdict::Away => {
                self.failed += 1;
                self.failures = self.failures.saturating_add(1);
                let is_resting = self.until.is_some_and(|until| now < until);
                let asked = retry_after.unwrap_or_default().min(health.max_retry_after);
                if is_resting {
                    self.until = self.until.max(Some(now.saturating_add(asked)));
                } else if verdict == Verdict::Away || self.until.is_some() || self.failures >= health.failures {
                    self.until = Some(now.saturating_add(health.rest_after(self.rests).max(asked)));
                    self.rests = self.rests.saturating_add(1);
                }
            }
            Verdict::Well | Verdict::Unknown => {}
        }
    }

    /// It is well again: who was sent after its rest began has an answer.
    pub(super) fn recovered(&mut self) {
        (self.until, self.rests) = (None, 0);
    }

    /// An answer has come to its end as it should.
    pub(super) fn completed(&mut self) {
        self.failures = 0;
    }

    /// How long the first token took. A fourth of each new figure counts.
    pub(super) fn measured(&mut self, took: Duration, now: Duration) {
        let smoothed = match self.first_token {
            Some((before, _)) => (before * 3 + took) / 4,
            None => took,
        };
        self.first_token = Some((smoothed, now));
    }

    /// A request is over, whatever came of it.
    pub(super) fn end(&mut self, is_open_probe: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if is_open_probe {
            self.is_probed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fail(condition: &mut Condition, verdict: Verdict, at: u64, retry_after: Option<Duration>) {
        let is_probe = condition.begin(s(at));
        condition.judge(verdict, is_probe, s(at), retry_after, &Health::new());
        condition.end(false);
    }

    #[test]
    fn three_failures_in_a_row_are_a_rest_and_one_probe_ends_it() {
        let mut target = Condition::default();
        fail(&mut target, Verdict::Failed, 0, None);
        fail(&mut target, Verdict::Failed, 0, None);
        target.completed();
        fail(&mut target, Verdict::Failed, 0, None);
        fail(&mut target, Verdict::Failed, 0, None);
        assert_eq!(target.standing(s(0)), Standing::Ready, "not in a row");
        fail(&mut target, Verdict::Failed, 0, None);
        assert_eq!((target.standing(s(0)), target.standing(s(4))), (Standing::Resting, Standing::Resting));
        assert_eq!(target.standing(s(5)), Standing::Probe);

        let is_probe = target.begin(s(5));
        assert!(is_probe && target.standing(s(99)) == Standing::Resting, "one probe at a time");
        assert!(!target.begin(s(6)), "who is sent all the same is none");
        target.judge(Verdict::Failed, true, s(7), None, &Health::new());
        assert_eq!(
            (target.standing(s(16)), target.standing(s(17))),
            (Standing::Resting, Standing::Probe),
            "twice as long"
        );
        assert!(target.begin(s(17)));
        target.judge(Verdict::Well, true, s(18), None, &Health::new());
        assert_eq!(target.standing(s(18)), Standing::Ready);
        fail(&mut target, Verdict::Failed, 20, None);
        assert_eq!(
            (target.standing(s(20)), target.standing(s(25))),
            (Standing::Resting, Standing::Probe),
            "not yet trusted"
        );
    }

    #[test]
    fn rests_grow_up_to_a_bound_and_not_by_those_who_were_sent_together() {
        let mut target = Condition::default();
        for _ in 0..50 {
            fail(&mut target, Verdict::Failed, 0, None);
        }
        assert_eq!(target.until, Some(s(5)));
        let mut now = 5;
        for rest in [10, 20, 40, 60, 60] {
            fail(&mut target, Verdict::Failed, now, None);
            assert_eq!(target.until, Some(s(now + rest)));
            now += rest;
        }
    }

    #[test]
    fn the_longest_known_deadline_counts() {
        for (asked, until) in [(None, 5), (Some(2), 5), (Some(30), 30), (Some(99_999), 600)] {
            let mut target = Condition::default();
            fail(&mut target, Verdict::Away, 0, asked.map(s));
            assert_eq!(target.until, Some(s(until)), "{asked:?}");
        }
        let mut target = Condition::default();
        fail(&mut target, Verdict::Away, 0, Some(s(30)));
        fail(&mut target, Verdict::Away, 10, Some(s(10)));
        assert_eq!(target.until, Some(s(30)));
        fail(&mut target, Verdict::Away, 10, Some(s(40)));
        assert_eq!(target.until, Some(s(50)));
    }

    #[test]
    fn what_was_sent_before_a_rest_does_not_end_it() {
        let mut target = Condition::default();
        let slow = target.begin(s(0));
        fail(&mut target, Verdict::Away, 1, Some(s(30)));
        target.judge(Verdict::Well, slow, s(2), None, &Health::new());
        assert_eq!(target.standing(s(2)), Standing::Resting);
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_room_for_another() {
        let mut target = Condition::default();
        fail(&mut target, Verdict::Away, 0, None);
        assert!(target.begin(s(5)));
        target.end(true);
        assert_eq!((target.standing(s(5)), target.in_flight), (Standing::Probe, 0));
        assert!(target.begin(s(5)));
        target.judge(Verdict::Unknown, true, s(5), None, &Health::new());
        assert_eq!(target.standing(s(5)), Standing::Probe, "nobody was asked");
    }

    #[test]
    fn classes_and_what_they_say_of_a_target() {
        use FailureClass::*;
        for (class, verdict) in [
            (None, Verdict::Well),
            (Some(Request), Verdict::Well),
            (Some(ContextWindow), Verdict::Well),
            (Some(ContentPolicy), Verdict::Well),
            (Some(Conflict), Verdict::Well),
            (Some(Unsupported), Verdict::Unknown),
            (Some(Shed), Verdict::Unknown),
            (Some(Unreachable), Verdict::Failed),
            (Some(Unanswered), Verdict::Failed),
            (Some(Broken), Verdict::Failed),
            (Some(Timeout), Verdict::Failed),
            (Some(Overloaded), Verdict::Failed),
            (Some(Failed), Verdict::Failed),
            (Some(BadAnswer), Verdict::Failed),
            (Some(RateLimited), Verdict::Away),
            (Some(Account), Verdict::Away),
            (Some(UnknownModel), Verdict::Away),
        ] {
            assert_eq!(Verdict::of(class, false), verdict, "{class:?}");
        }
        assert_eq!(Verdict::of(Some(Overloaded), true), Verdict::Away);
    }
}
