//! Receipts for a task of the host's own.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::receipt::Receipt;
use super::sink::UsageSink;

/// A sink that keeps receipts for a task of the host's own, at most so many, and the end from which it takes them.
///
/// When the channel is full, a new receipt is dropped and counted: no request ever waits for the host's task, and what is in
/// the channel stays. Needs no runtime.
///
/// ```
/// # tokio_test::block_on(async {
/// use std::time::Duration;
/// use tower_completions::meter::{Receipt, UsageSink, channel};
///
/// let (sink, mut receipts) = channel(1);
/// sink.record(&Receipt::new("r-1", Duration::ZERO, "gpt-4o-mini"));
/// sink.record(&Receipt::new("r-2", Duration::ZERO, "gpt-4o-mini"));
/// assert_eq!(sink.dropped(), 1);
/// assert_eq!(&*receipts.recv().await.unwrap().id, "r-1");
/// drop(sink);
/// assert!(receipts.recv().await.is_none());
/// # });
/// ```
pub fn channel(capacity: usize) -> (ChannelSink, Receipts) {
    let shared = Arc::new(Channel { state: Mutex::default(), capacity });
    (ChannelSink { shared: shared.clone(), _open: Arc::new(Open(shared.clone())) }, Receipts(shared))
}

/// The end of a [`channel`] into which receipts go. Clones are the same end.
#[derive(Clone)]
pub struct ChannelSink {
    shared: Arc<Channel>,
    _open: Arc<Open>,
}

/// The end of a [`channel`] from which receipts are taken, in order. When it is dropped, what is in the channel and what still
/// comes is dropped and counted.
pub struct Receipts(Arc<Channel>);

struct Channel {
    state: Mutex<State>,
    capacity: usize,
}

#[derive(Default)]
struct State {
    receipts: VecDeque<Receipt>,
    waker: Option<Waker>,
    /// No sink is left, or nobody takes receipts any more.
    closed: bool,
    deserted: bool,
    dropped: u64,
    /// Receipts that were taken by somebody who has yet to say that they are safe.
    in_flight: usize,
}

impl Channel {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the other end when the last sink has gone.
struct Open(Arc<Channel>);

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl ChannelSink {
    /// How many receipts were dropped because the channel was full, or nobody was there to take them.
    pub fn dropped(&self) -> u64 {
        self.shared.lock().dropped
    }
}

/// For whoever brings receipts somewhere else.
#[cfg(any(feature = "postgres", feature = "redis"))]
impl ChannelSink {
    /// How many receipts are not known to be safe.
    pub(super) fn backlog(&self) -> usize {
        let state = self.shared.lock();
        state.receipts.len() + state.in_flight
    }
}

#[cfg(any(feature = "postgres", feature = "redis"))]
impl Receipts {
    /// Waits for receipts and takes some of them, which are in flight until [`safe`](Self::safe). False when there will be
    /// none any more.
    pub(super) async fn take(&mut self, most: usize, into: &mut Vec<Receipt>) -> bool {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            let count = state.receipts.len().min(most);
            if count == 0 && !state.closed {
                state.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            into.extend(state.receipts.drain(..count));
            state.in_flight = into.len();
            Poll::Ready(count > 0)
        })
        .await
    }

    /// Those that were taken are safe.
    pub(super) fn safe(&mut self) {
        self.0.lock().in_flight = 0;
    }
}

impl UsageSink for ChannelSink {
    fn record(&self, receipt: &Receipt) {
        let mut state = self.shared.lock();
        if state.deserted || state.receipts.len() >= self.shared.capacity {
            state.dropped += 1;
            return;
        }
        state.receipts.push_back(receipt.clone());
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }
}

impl Receipts {
    /// The next receipt; `None` when no sink is left and all were taken.
    ///
    /// It may be dropped and called again: no receipt is lost.
    pub async fn recv(&mut self) -> Option<Receipt> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The same for who polls by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Receipt>> {
        let mut state = self.0.lock();
        if let Some(receipt) = state.receipts.pop_front() {
            return Poll::Ready(Some(receipt));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The next receipt, if one is there.
    pub fn try_recv(&mut self) -> Option<Receipt> {
        self.0.lock().receipts.pop_front()
    }

    /// How many receipts are there to be taken.
    pub fn len(&self) -> usize {
        self.0.lock().receipts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receipts were dropped because the channel was full.
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

impl Drop for Receipts {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.deserted = true;
        let left = std::mem::take(&mut state.receipts);
        state.dropped += (left.len() + std::mem::take(&mut state.in_flight)) as u64;
        drop(state);
    }
}

impl fmt::Debug for ChannelSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSink").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Receipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipts").field("len", &self.len()).field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    fn receipt(id: usize) -> Receipt {
        Receipt::new(id.to_string(), Duration::ZERO, "m")
    }

    #[test]
    fn whoever_waits_is_woken_by_a_receipt_and_by_the_end() {
        let (sink, mut receipts) = channel(8);
        let mut waiting = task::spawn(receipts.recv());
        assert_pending!(waiting.poll());
        sink.record(&receipt(1));
        assert!(waiting.is_woken());
        assert_eq!(&*assert_ready!(waiting.poll()).unwrap().id, "1");
        drop(waiting);
        let mut waiting = task::spawn(receipts.recv());
        assert_pending!(waiting.poll());
        let other = sink.clone();
        drop(sink);
        assert!(!waiting.is_woken());
        drop(other);
        assert!(waiting.is_woken() && assert_ready!(waiting.poll()).is_none());
    }

    #[test]
    fn everything_is_taken_or_counted() {
        let (sink, mut receipts) = channel(2);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let sink = sink.clone();
                std::thread::spawn(move || (0..1000).for_each(|id| sink.record(&receipt(id))))
            })
            .collect();
        let mut taken = 0;
        for thread in threads {
            taken += std::iter::from_fn(|| receipts.try_recv()).count() as u64;
            thread.join().unwrap();
        }
        taken += std::iter::from_fn(|| receipts.try_recv()).count() as u64;
        assert_eq!(taken + sink.dropped(), 4000);
        sink.record(&receipt(0));
        drop(receipts);
        sink.record(&receipt(1));
        assert_eq!(taken + sink.dropped(), 4002);
    }

    #[test]
    fn who_takes_receipts_sees_how_many_there_are() {
        let (sink, mut receipts) = channel(2);
        assert_eq!((receipts.len(), receipts.is_empty(), receipts.dropped()), (0, true, 0));
        (0..5).for_each(|id| sink.record(&receipt(id)));
        assert_eq!((receipts.len(), receipts.is_empty(), receipts.dropped()), (2, false, 3));
        assert_eq!(receipts.try_recv().map(|receipt| receipt.id.to_string()).as_deref(), Some("0"));
        assert_eq!((receipts.len(), sink.dropped()), (1, 3));
    }
}
