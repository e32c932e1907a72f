//! What a connection of HTTP/1.1 shares with its socket and with whoever wakes it.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// A connection is polled with this as its waker, so that it wakes nobody while its owner looks at it.
///
/// hyper's connection and the channels to its answers wake each other at every step. Here they all belong to one task, which
/// goes on by itself.
#[derive(Default)]
pub(super) struct Line {
    bell: AtomicU8,
    owner: Mutex<Option<Waker>>,
    /// Whether the socket has not taken all of the request yet.
    is_sending: AtomicBool,
    /// Whether anything has come back since a request was to be sent.
    is_answered: AtomicBool,
}

/// Nothing has happened since the connection was polled, and nobody is to be woken.
const QUIET: u8 = 0;
/// Nothing has happened, and the owner sleeps.
const ASLEEP: u8 = 1;
/// Something has happened.
const RUNG: u8 = 2;

impl Line {
    fn owner(&self) -> MutexGuard<'_, Option<Waker>> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Said before the connection is polled: from now on what happens counts.
    pub(super) fn listen(&self) {
        self.bell.store(QUIET, Ordering::Release);
    }

    /// Whether the owner may sleep: from now on it is woken when something happens. Not if something has happened already.
    pub(super) fn sleep(&self, waker: &Waker) -> bool {
        let mut owner = self.owner();
        let before = if owner.as_ref().is_some_and(|known| known.will_wake(waker)) {
            None
        } else {
            owner.replace(waker.clone())
        };
        drop(owner);
        drop(before);
        self.bell.compare_exchange(QUIET, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether this owner sleeps, and nothing has happened since.
    pub(super) fn is_asleep(&self, waker: &Waker) -> bool {
        self.bell.load(Ordering::Acquire) == ASLEEP && self.owner().as_ref().is_some_and(|known| known.will_wake(waker))
    }

    /// Whether nothing has happened since the connection was polled.
    pub(super) fn is_quiet(&self) -> bool {
        self.bell.load(Ordering::Acquire) != RUNG
    }

    /// There is nobody to be woken any more.
    pub(super) fn forget_owner(&self) {
        let before = self.owner().take();
        drop(before);
    }

    /// Said by the socket when it has been written to.
    pub(super) fn set_sending(&self, is_sending: bool) {
        self.is_sending.store(is_sending, Ordering::Relaxed);
    }

    pub(super) fn is_sending(&self) -> bool {
        self.is_sending.load(Ordering::Relaxed)
    }

    /// Said when a request is to be sent, and by the socket when something has come.
    pub(super) fn set_answered(&self, is_answered: bool) {
        self.is_answered.store(is_answered, Ordering::Relaxed);
    }

    pub(super) fn is_answered(&self) -> bool {
        self.is_answered.load(Ordering::Relaxed)
    }
}

impl Wake for Line {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.bell.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            let owner = self.owner().take();
            if let Some(owner) = owner {
                owner.wake();
            }
        }
    }
}
