//! What became of each request, by its number: at the providers, and before its client's eyes. Eight bytes each, since there are
//! millions.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const CHUNK: usize = 1 << 16;
const CHUNKS: usize = 1 << 12;

// One byte for each of these.
const TRIES: u32 = 0;
const MADE: u32 = 8;
const FAULTS: u32 = 16;
const SEEN: u32 = 24;

/// What a client saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing yet.
    Nothing,
    /// An answer to its end, with the right figures.
    Whole,
    /// It left.
    Left,
    /// 429.
    Refused,
    /// Another error.
    Failed,
    /// A stream that ended in an error.
    Broken,
    /// No HTTP at all.
    Lost,
    /// What nobody may see, such as wrong figures.
    Wrong,
}

impl Seen {
    pub(crate) const ALL: [Self; 8] =
        [Self::Nothing, Self::Whole, Self::Left, Self::Refused, Self::Failed, Self::Broken, Self::Lost, Self::Wrong];
}

/// What is known of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot(u64);

impl Slot {
    fn byte(self, at: u32) -> u64 {
        self.0 >> at & 0xff
    }

    /// How often providers were asked.
    pub(crate) fn tries(self) -> u64 {
        self.byte(TRIES)
    }

    /// How many whole answers they made.
    pub(crate) fn made(self) -> u64 {
        self.byte(MADE)
    }

    /// How often they failed.
    pub(crate) fn faults(self) -> u64 {
        self.byte(FAULTS)
    }

    pub(crate) fn seen(self) -> Seen {
        Seen::ALL[self.byte(SEEN) as usize]
    }
}

pub(crate) struct Slots {
    chunks: Vec<OnceLock<Box<[AtomicU64]>>>,
    next: AtomicU64,
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self { chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(), next: AtomicU64::new(0) }
    }

    /// The number of the next request.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    fn slot(&self, number: u64) -> &AtomicU64 {
        let chunk =
            self.chunks[number as usize / CHUNK].get_or_init(|| (0..CHUNK).map(|_| AtomicU64::new(0)).collect());
        &chunk[number as usize % CHUNK]
    }

    pub(crate) fn get(&self, number: u64) -> Slot {
        Slot(self.slot(number).load(Ordering::Relaxed))
    }

    /// A provider was asked: how often it had been before.
    pub(crate) fn asked(&self, number: u64) -> u64 {
        Slot(self.slot(number).fetch_add(1 << TRIES, Ordering::Relaxed)).tries()
    }

    pub(crate) fn made(&self, number: u64) {
        self.slot(number).fetch_add(1 << MADE, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, number: u64) {
        self.slot(number).fetch_add(1 << FAULTS, Ordering::Relaxed);
    }

    pub(crate) fn saw(&self, number: u64, seen: Seen) {
        self.slot(number).fetch_or((seen as u64) << SEEN, Ordering::Relaxed);
    }
}
