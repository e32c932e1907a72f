//! Reading answers on after their clients have left.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// An answer that is read to its end, or to its bound. When it is dropped its receipt is written.
pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Reads answers on when their clients have left, up to a bound, so that the provider's own figure arrives.
///
/// A provider bills what it has made, and most say how much that was at the end of an answer only. Who closes the
/// connection when a client leaves does not hear it, and has to count what was delivered. Who reads on hears it, and pays
/// for what comes meanwhile: some providers stop when the connection is closed.
///
/// Nothing is spawned here. The host runs the [`DrainWorker`]; `sleep` is its timer, such as `tokio::time::sleep`. While the
/// worker does not run, answers are not read on.
///
/// ```no_run
/// use std::time::Duration;
/// use tower_completions::meter::{Drain, MeterLayer, Receipt};
///
/// # async fn host() {
/// let (drain, worker) = Drain::new(tokio::time::sleep);
/// tokio::spawn(worker.run());
/// let long = drain.up_to(Duration::from_secs(120), 4 << 20);
/// let meter = MeterLayer::new(|_: &Receipt| {}).drain("openai", &drain).drain("slow", &long);
/// # let _ = meter;
/// # }
/// ```
#[derive(Clone)]
pub struct Drain {
    shared: Arc<Shared>,
    time: Duration,
    bytes: u64,
}

struct Shared {
    queue: Mutex<Queue>,
    at_once: usize,
}

#[derive(Default)]
struct Queue {
    new: Vec<(Duration, Task)>,
    /// How many there are, with those that run.
    count: usize,
    refused: u64,
    waker: Option<Waker>,
    /// The worker is gone.
    is_closed: bool,
}

const TIME: Duration = Duration::from_secs(30);
const BYTES: u64 = 1 << 20;
const AT_ONCE: usize = 64;

impl Drain {
    /// Reads on for at most 30 seconds and 1 MiB, and at most 64 answers at once.
    pub fn new<S, F>(sleep: S) -> (Self, DrainWorker)
    where
        S: Fn(Duration) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::at_once(AT_ONCE, sleep)
    }

    /// Reads at most this many answers on at once: what is more is cut off when its client leaves.
    pub fn at_once<S, F>(answers: usize, sleep: S) -> (Self, DrainWorker)
    where
        S: Fn(Duration) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let shared = Arc::new(Shared { queue: Mutex::default(), at_once: answers });
        let sleep = Box::new(move |time| Box::pin(sleep(time)) as Sleep);
        let worker = DrainWorker { shared: Arc::clone(&shared), running: Vec::new(), sleep };
        (Self { shared, time: TIME, bytes: BYTES }, worker)
    }

    /// The same worker, with other bounds for an answer: how long, and how many bytes, it is read on.
    #[must_use]
    pub fn up_to(&self, time: Duration, bytes: u64) -> Self {
        Self { shared: Arc::clone(&self.shared), time, bytes }
    }

    /// How many answers are being read on.
    pub fn count(&self) -> usize {
        self.shared.lock().count
    }

    /// How many were not read on because there were too many, or no worker.
    pub fn refused(&self) -> u64 {
        self.shared.lock().refused
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hands an answer to the worker. What it cannot take is dropped.
    pub(super) fn push(&self, task: Task) {
        let (waker, refused) = {
            let mut queue = self.shared.lock();
            if queue.is_closed || queue.count >= self.shared.at_once {
                queue.refused += 1;
                (None, Some(task))
            } else {
                queue.count += 1;
                queue.new.push((self.time, task));
                (queue.waker.take(), None)
            }
        };
        // Outside of the lock: a receipt is written.
        drop(refused);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does the reading of a [`Drain`]. When it is dropped, whatever is being read is cut off, and its receipts are written.
pub struct DrainWorker {
    shared: Arc<Shared>,
    running: Vec<(Sleep, Task)>,
    sleep: Box<dyn Fn(Duration) -> Sleep + Send + Sync>,
}

impl DrainWorker {
    /// Reads what there is to read, and waits for more; it never ends.
    pub async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let new = {
            let mut queue = self.shared.lock();
            queue.waker = Some(cx.waker().clone());
            mem::take(&mut queue.new)
        };
        self.running.extend(new.into_iter().map(|(time, task)| ((self.sleep)(time), task)));
        let before = self.running.len();
        self.running
            .retain_mut(|(sleep, task)| task.as_mut().poll(cx).is_pending() && sleep.as_mut().poll(cx).is_pending());
        self.shared.lock().count -= before - self.running.len();
        Poll::Pending
    }
}

impl Drop for DrainWorker {
    fn drop(&mut self) {
        let new = {
            let mut queue = self.shared.lock();
            queue.is_closed = true;
            queue.count = 0;
            mem::take(&mut queue.new)
        };
        drop(new);
    }
}

/// Which providers are read on.
#[derive(Clone, Default)]
pub(super) struct Drains(HashMap<Arc<str>, Drain>);

impl Drains {
    pub(super) fn insert(&mut self, provider: Arc<str>, drain: Drain) {
        self.0.insert(provider, drain);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, provider: &str) -> Option<&Drain> {
        self.0.get(provider)
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("time", &self.time).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl fmt::Debug for DrainWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainWorker").field("running", &self.running.len()).finish_non_exhaustive()
    }
}
