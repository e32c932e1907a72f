//! What the clones of a mock share: the script, the record and the count of answers under way.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Answer, Recorded};

/// How many requests are remembered unless told otherwise.
const KEEP: usize = 1024;

type Responder = Arc<dyn Fn(&Recorded) -> Answer + Send + Sync>;

/// What is answered when the script is over.
#[derive(Clone)]
pub(super) enum Standing {
    Always(Answer),
    With(Responder),
}

pub(super) struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

pub(super) struct State {
    pub(super) script: VecDeque<Answer>,
    pub(super) standing: Standing,
    pub(super) requests: VecDeque<Recorded>,
    pub(super) keep: usize,
    pub(super) received: usize,
    pub(super) in_flight: usize,
    pub(super) dropped: usize,
    /// How many drops a caller of `wait_for_drop` has been told of.
    pub(super) told: usize,
}

impl Default for Shared {
    fn default() -> Self {
        let state = State {
            script: VecDeque::new(),
            standing: Standing::Always(Answer::echo()),
            requests: VecDeque::new(),
            keep: KEEP,
            received: 0,
            in_flight: 0,
            dropped: 0,
            told: 0,
        };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }
}

impl Shared {
    /// The state, for a moment: never across an await, and never while a caller's code runs.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a request and gives it its number, from 1.
    pub(super) fn record(&self, request: &Recorded) -> usize {
        let number = {
            let mut state = self.lock();
            state.received += 1;
            state.requests.push_back(request.clone());
            while state.requests.len() > state.keep {
                state.requests.pop_front();
            }
            state.received
        };
        self.changed.notify_waiters();
        number
    }

    /// The answer whose turn it is.
    pub(super) fn next_answer(&self, request: &Recorded) -> Answer {
        let standing = {
            let mut state = self.lock();
            match state.script.pop_front() {
                Some(answer) => return answer,
                None => state.standing.clone(),
            }
        };
        match standing {
            Standing::Always(answer) => answer,
            Standing::With(respond) => respond(request),
        }
    }

    /// Waits until `done` has something to say about the state.
    pub(super) async fn wait<T>(&self, mut done: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            // Made before the look, so that a change right after it is not missed.
            let changed = self.changed.notified();
            if let Some(outcome) = done(&mut self.lock()) {
                return outcome;
            }
            changed.await;
        }
    }
}

/// One answer under way. Dropped before [`Flight::land`], it counts as dropped.
pub(super) struct Flight {
    shared: Arc<Shared>,
    landed: bool,
}

impl Flight {
    pub(super) fn start(shared: Arc<Shared>) -> Self {
        shared.lock().in_flight += 1;
        Self { shared, landed: false }
    }

    /// The answer came to the end that it was meant to have.
    pub(super) fn land(mut self) {
        self.landed = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.in_flight -= 1;
            state.dropped += usize::from(!self.landed);
        }
        self.shared.changed.notify_waiters();
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("landed", &self.landed).finish_non_exhaustive()
    }
}
