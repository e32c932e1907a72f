//! A connection of HTTP/1.1, driven by whoever reads its answer.
//!
//! hyper's connection is a future of its own, which hands over one chunk at a time. In a task of its own it would be woken for
//! each, and wake the reader in turn. Here the reader polls it: what has come is there at once, however many chunks it is.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use hyper::rt::Executor;

/// hyper's side of a connection, or anything else that it wants to have run.
type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that has either a task that polls it, or a reader.
#[derive(Default)]
pub(super) struct Line {
    state: Mutex<State>,
    /// What has become of the reader's waiting: as a waker, the line wakes its reader.
    bell: AtomicU8,
    reader: Mutex<Option<Waker>>,
    /// Whether the socket has not taken all of the request yet.
    is_sending: AtomicBool,
}

/// How the line travels from the connection to its answers.
#[derive(Clone)]
pub(super) struct OnLine(pub(super) Arc<Line>);

/// What a reader who would have the connection is told.
pub(super) enum Claim<T> {
    /// There is no connection to be had.
    Over,
    /// The request is still being sent, which must go on whether this reader reads on or not: the task's affair.
    Busy,
    /// The connection is the reader's if there is nothing.
    Found(Poll<T>),
}

#[derive(Default)]
struct State {
    /// `None` before anything was read from it, and when it is over.
    connection: Option<Job>,
    has_reader: bool,
    /// The task, which sleeps while there is a reader.
    task: Option<Waker>,
}

/// The reader is looking: there is nobody to be woken.
const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
/// Something has happened since the reader began to look.
const RUNG: u8 = 2;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Line {
    /// Takes the connection over for a reader who looks and finds nothing while nobody else polls it: it is still this
    /// reader's answer that is on it, then.
    pub(super) fn claim<T>(&self, look: impl FnOnce() -> Poll<T>) -> Claim<T> {
        let mut state = lock(&self.state);
        if state.connection.is_none() {
            return Claim::Over;
        }
        if self.is_sending.load(Ordering::Relaxed) {
            return Claim::Busy;
        }
        let found = look();
        state.has_reader |= found.is_pending();
        Claim::Found(found)
    }

    /// Said by the connection's socket, while the connection is being polled.
    pub(super) fn set_sending(&self, is_sending: bool) {
        self.is_sending.store(is_sending, Ordering::Relaxed);
    }

    /// Polls the connection for the reader who has claimed it, and holds this line as its waker. False if it is over.
    pub(super) fn drive(&self, bell: &Waker) -> bool {
        let mut state = lock(&self.state);
        self.bell.store(AWAKE, Ordering::Release);
        // Out of the line meanwhile: one that panics is not polled again.
        let Some(mut over) = state.connection.take() else { return false };
        if over.as_mut().poll(&mut Context::from_waker(bell)).is_pending() {
            state.connection = Some(over);
            return true;
        }
        state.has_reader = false;
        let task = state.task.take();
        drop(state);
        drop(over);
        if let Some(task) = task {
            task.wake();
        }
        false
    }

    /// Whether the reader may sleep: from now on it is woken when something happens. Not if something has happened already.
    pub(super) fn sleep(&self, waker: Waker) -> bool {
        let before = lock(&self.reader).replace(waker);
        drop(before);
        self.bell.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether nothing has happened since the reader went to sleep.
    pub(super) fn is_asleep(&self) -> bool {
        self.bell.load(Ordering::Acquire) == ASLEEP
    }

    /// The reader who has claimed the connection has what it wanted, or wants no more: the task goes on.
    pub(super) fn leave(&self) {
        let (task, reader) = {
            let mut state = lock(&self.state);
            state.has_reader = false;
            // Now, and not later: the next reader may be waiting by then.
            (state.task.take(), lock(&self.reader).take())
        };
        drop(reader);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Polls the connection for its task, unless there is a reader.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if !state.task.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            state.task = Some(cx.waker().clone());
        }
        if state.has_reader {
            return Poll::Pending;
        }
        let Some(connection) = &mut state.connection else { return Poll::Ready(()) };
        if connection.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let over = state.connection.take();
        drop(state);
        drop(over);
        Poll::Ready(())
    }
}

impl Wake for Line {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.bell.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            let reader = lock(&self.reader).take();
            if let Some(reader) = reader {
                reader.wake();
            }
        }
    }
}

thread_local! {
    /// The line of the connection that is being polled on this thread, once it has said which one it is. `None` where nobody
    /// wants to know.
    static POLLED: Cell<Option<Option<Arc<Line>>>> = const { Cell::new(None) };
}

/// Said by a connection's own socket, when it is first read: the connection that is being polled is the one on this line.
pub(super) fn introduce(line: Arc<Line>) {
    let _gone_with_its_thread = POLLED.try_with(|polled| {
        if let Some(_nobody_yet) = polled.take() {
            polled.set(Some(Some(line)));
        }
    });
}

/// Runs what hyper wants to have run, in tokio's tasks. A connection goes over to its line as soon as that is known.
#[derive(Clone)]
pub(super) struct Spawner;

impl Executor<Job> for Spawner {
    fn execute(&self, job: Job) {
        tokio::spawn(Task { job: Some(job), line: None });
    }
}

struct Task {
    job: Option<Job>,
    line: Option<Arc<Line>>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(job) = &mut self.job else { return self.line.as_ref().map_or(Poll::Ready(()), |line| line.poll(cx)) };
        let (polled, line) = listen(|| job.as_mut().poll(cx));
        if polled.is_pending()
            && let Some(line) = line
        {
            {
                let mut state = lock(&line.state);
                state.connection = self.job.take();
                state.task = Some(cx.waker().clone());
            }
            self.line = Some(line);
        }
        polled
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            let connection = lock(&line.state).connection.take();
            drop(connection);
        }
    }
}

/// Polls, and hears whether a connection introduces itself meanwhile.
fn listen<T>(poll: impl FnOnce() -> T) -> (T, Option<Arc<Line>>) {
    /// Listens no more, whatever happens.
    struct End;

    impl Drop for End {
        fn drop(&mut self) {
            let _gone_with_its_thread = POLLED.try_with(Cell::take);
        }
    }

    let _end = End;
    let _gone_with_its_thread = POLLED.try_with(|polled| polled.set(Some(None)));
    let polled = poll();
    (polled, POLLED.try_with(Cell::take).ok().flatten().flatten())
}
