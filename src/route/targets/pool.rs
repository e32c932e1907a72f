use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::choice::{Balance, Candidate, StickyKey, choose, hash};
use super::health::{Condition, Health, Standing, Verdict};
use super::target::Target;
use crate::clock::{Clock, SystemClock};
use crate::error::{ApiError, FailureClass};
use crate::random::Random;
use crate::retry_after::retry_after;
use crate::route::boxed::BoxBody;

/// The targets, what is known of each, and how they are chosen.
#[derive(Clone)]
pub(super) struct Pool {
    pub(super) entries: Arc<[Entry]>,
    pub(super) settings: Settings,
}

pub(super) struct Entry {
    pub(super) target: Target,
    /// Its name, for the draw by a sticky key.
    key: u64,
    condition: Mutex<Condition>,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) balance: Balance,
    pub(super) health: Arc<Health>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Random,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            balance: Balance::default(),
            health: Arc::default(),
            clock: Arc::new(SystemClock::new()),
            random: Random::new(),
        }
    }
}

impl Entry {
    pub(super) fn new(target: Target) -> Self {
        Self { key: hash(&target.name), target, condition: Mutex::default() }
    }

    pub(super) fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Chooses one that is well and was not tried, and begins to ask it.
    pub(super) fn pick(&self, tried: &[usize], key: Option<&StickyKey>) -> Option<Trial> {
        let now = self.settings.clock.now();
        loop {
            let at = self.choose(tried, key, now)?;
            let mut condition = self.entries[at].condition();
            // Somebody else may have been quicker with the probe.
            if condition.standing(now) != Standing::Resting {
                return Some(self.trial(at, now, condition.begin(now), false));
            }
        }
    }

    fn choose(&self, tried: &[usize], key: Option<&StickyKey>, now: Duration) -> Option<usize> {
        let untried = self.entries.iter().enumerate().filter(|(at, _)| !tried.contains(at));
        let candidate = |(at, entry): (usize, &'_ Entry)| {
            let condition = entry.condition();
            let is_well = condition.standing(now) != Standing::Resting;
            is_well.then(|| Candidate {
                at,
                key: entry.key,
                weight: entry.target.weight,
                in_flight: condition.in_flight,
                first_token: condition.first_token.map(|(takes, when)| (takes, now.saturating_sub(when))),
            })
        };
        let mut candidates: Vec<Candidate> = untried.filter_map(candidate).collect();
        choose(&mut candidates, self.settings.balance, key, &self.settings.random)
    }

    /// Begins to ask the one of those that rest which would be back first.
    pub(super) fn pick_resting(&self, tried: &[usize]) -> Option<Trial> {
        let untried = self.entries.iter().enumerate().filter(|(at, _)| !tried.contains(at));
        let (at, entry) = untried.min_by_key(|(_, entry)| entry.condition().until)?;
        let now = self.settings.clock.now();
        let is_probe = entry.condition().begin(now);
        Some(self.trial(at, now, is_probe, true))
    }

    fn trial(&self, at: usize, began: Duration, is_probe: bool, is_resting: bool) -> Trial {
        Trial { pool: self.clone(), at, began, is_probe, is_resting, is_judged: false }
    }

    /// A 503 that says when the first of them is back.
    pub(super) fn all_rest(&self) -> Response<BoxBody> {
        let now = self.settings.clock.now();
        let back = self.entries.iter().filter_map(|entry| entry.condition().until).min();
        let wait = back.unwrap_or(now).saturating_sub(now).max(Duration::from_secs(1));
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let error = ApiError::overloaded("No provider of this model is available at this moment; try again shortly.")
            .with_header(RETRY_AFTER, HeaderValue::from(seconds))
            .with_header(HeaderName::from_static("retry-after-ms"), HeaderValue::from(wait.as_millis() as u64));
        let mut response = error.into_response::<BoxBody>().map(BoxBody::new);
        response.extensions_mut().insert(FailureClass::Shed);
        response
    }
}

/// One request to one target, from its choice to the last byte of its answer.
pub(super) struct Trial {
    pool: Pool,
    pub(super) at: usize,
    began: Duration,
    is_probe: bool,
    /// It was sent during a rest, for want of anybody better.
    is_resting: bool,
    is_judged: bool,
}

impl Trial {
    pub(super) fn target(&self) -> &Target {
        &self.pool.entries[self.at].target
    }

    /// The head of the answer is there, or there is none. `headers` may say when to come again.
    pub(super) fn answered(&mut self, class: Option<FailureClass>, headers: Option<&HeaderMap>) {
        let settings = &self.pool.settings;
        let now = settings.clock.now();
        let asked = headers.and_then(|headers| retry_after(headers, now));
        let mut condition = self.pool.entries[self.at].condition();
        let verdict = Verdict::of(class, asked.is_some());
        condition.judge(verdict, self.is_probe, now, asked, &settings.health);
        if self.is_resting && verdict == Verdict::Well {
            condition.recovered();
        }
        if class.is_none() {
            condition.measured(now.saturating_sub(self.began), now);
        }
        self.is_judged = true;
    }

    /// The answer has come to its end, as it should or not.
    pub(super) fn ended(self, is_good: bool) {
        let mut condition = self.pool.entries[self.at].condition();
        if is_good {
            condition.completed();
        } else {
            let settings = &self.pool.settings;
            condition.judge(Verdict::Failed, false, settings.clock.now(), None, &settings.health);
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.pool.entries[self.at].condition().end(self.is_probe && !self.is_judged);
    }
}
