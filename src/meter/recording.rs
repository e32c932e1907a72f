//! A receipt on its way to where it is safe.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What [`UsageSink::submit`](super::UsageSink::submit) returns: ready when the receipt is where
/// [`record`](super::UsageSink::record) would have put it.
///
/// It gives way once, so that those who are ready at the same moment can hand in theirs; then whoever comes first does the work
/// for all. Needs no runtime. What is dropped before is done on the spot.
///
/// ```
/// use tower_completions::meter::Recording;
///
/// # tokio_test::block_on(async {
/// let recording = Recording::new(|| println!("written"));
/// recording.await;
/// Recording::done().await;
/// # });
/// ```
#[must_use = "what is dropped is done on the spot, with nobody else's"]
#[derive(Default)]
pub struct Recording(Option<Work>);

struct Work {
    finish: Box<dyn FnOnce() + Send>,
    gave_way: bool,
}

impl Recording {
    /// Nothing is left to be done.
    pub fn done() -> Self {
        Self::default()
    }

    /// This is left to be done. It may turn out that somebody else has done it.
    pub fn new(finish: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Work { finish: Box::new(finish), gave_way: false }))
    }

    /// Whether nothing is left to be done.
    pub fn is_done(&self) -> bool {
        self.0.is_none()
    }

    /// Does now what is left.
    pub fn finish(mut self) {
        self.finish_now();
    }

    fn finish_now(&mut self) {
        if let Some(work) = self.0.take() {
            (work.finish)();
        }
    }
}

impl Future for Recording {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(work) = &mut self.0
            && !std::mem::replace(&mut work.gave_way, true)
        {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.finish_now();
        Poll::Ready(())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A second panic while one is under way would end the process.
            let _panic = catch_unwind(AssertUnwindSafe(|| self.finish_now()));
        } else {
            self.finish_now();
        }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("is_done", &self.is_done()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    fn counted() -> (Arc<AtomicU64>, Recording) {
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        (count, Recording::new(move || _ = counter.fetch_add(1, Ordering::Relaxed)))
    }

    #[test]
    fn it_gives_way_once_and_is_done_once() {
        let (count, recording) = counted();
        let mut task = task::spawn(recording);
        assert_pending!(task.poll());
        assert!(task.is_woken() && count.load(Ordering::Relaxed) == 0);
        assert_ready!(task.poll());
        drop(task);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_panic_of_what_is_dropped_by_a_panic_does_not_end_the_process() {
        let result = catch_unwind(|| {
            let _dropped = [(); 2].map(|()| Recording::new(|| panic!("second")));
            panic!("first");
        });
        assert_eq!(result.unwrap_err().downcast_ref(), Some(&"first"));
    }

    #[test]
    fn what_is_dropped_is_done() {
        let (count, recording) = counted();
        drop(recording);
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert_ready!(task::spawn(Recording::done()).poll());
    }
}
