//! How much the answers of a caller and a model have recently been.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many pairs of a caller and a model are remembered: 32 kB, whatever strangers send.
const SLOTS: usize = 4096;

/// The completion tokens of recent answers, for requests that set no limit of their own.
///
/// A table of fixed size without locks. Each slot is one word: half of it a hash that says whose it is, half the
/// figure. Who falls into another's slot takes it over, and is unknown until it has answered; nothing worse.
pub(super) struct Learned {
    slots: Box<[AtomicU64]>,
    /// Its keys are random, so that nobody can choose whose slot to fall into.
    hasher: RandomState,
}

/// Where the figure of one caller and one model is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot(u64);

impl Slot {
    fn index(self) -> usize {
        self.0 as usize % SLOTS
    }

    /// Never 0, which is an empty slot's.
    fn tag(self) -> u32 {
        (self.0 >> 32) as u32 | 1
    }
}

impl Learned {
    pub(super) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }

    pub(super) fn slot(&self, caller: &str, model: &str) -> Slot {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(caller.as_bytes());
        hasher.write_u8(0xff); // which no name has
        hasher.write(model.as_bytes());
        Slot(hasher.finish())
    }

    /// The figure, if there has been an answer.
    pub(super) fn get(&self, slot: Slot) -> Option<u64> {
        let word = self.slots[slot.index()].load(Ordering::Relaxed);
        (word as u32 == slot.tag()).then_some(word >> 32)
    }

    /// One more answer. The figure goes half the way up to a longer one and an eighth of the way down to a shorter one:
    /// it settles above the average, where most answers fit and none costs a window.
    pub(super) fn learn(&self, slot: Slot, tokens: u64) {
        let tokens = tokens.min(u64::from(u32::MAX));
        let next = match self.get(slot) {
            None => tokens,
            Some(known) if tokens > known => known + (tokens - known).div_ceil(2),
            Some(known) => known - (known - tokens) / 8,
        };
        // Of two answers at the same moment one may be forgotten: it is a guess.
        self.slots[slot.index()].store(next << 32 | u64::from(slot.tag()), Ordering::Relaxed);
    }
}

impl fmt::Debug for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learned").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_answers_up_faster_than_down() {
        let learned = Learned::new();
        let slot = learned.slot("alice", "m");
        assert_eq!(learned.get(slot), None);
        let follow = |tokens| {
            learned.learn(slot, tokens);
            learned.get(slot).unwrap()
        };
        assert_eq!([follow(100), follow(300), follow(40), follow(180)], [100, 200, 180, 180]);
        assert_eq!(follow(u64::MAX), u64::from(u32::MAX).div_ceil(2) + 90);
        assert_eq!(
            learned.get(learned.slot("alice", "n")).filter(|_| learned.slot("alice", "n").tag() != slot.tag()),
            None
        );
    }

    #[test]
    fn it_settles_above_the_average_and_below_the_longest() {
        let learned = Learned::new();
        let slot = learned.slot("alice", "m");
        for at in 0..10_000_u64 {
            learned.learn(slot, at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 1023);
        }
        let settled = learned.get(slot).unwrap();
        assert!((600..1000).contains(&settled), "{settled}");
    }

    #[test]
    fn strangers_do_not_make_it_grow() {
        let learned = Learned::new();
        for stranger in 0..100_000 {
            learned.learn(learned.slot(&format!("stranger {stranger}"), "m"), 1);
        }
        assert_eq!(learned.slots.len() * size_of::<AtomicU64>(), 32 << 10);
    }

    #[test]
    fn callers_keep_their_own_figures_and_nobody_has_a_strangers() {
        let learned = Learned::new();
        let slots: Vec<Slot> = (0..100).map(|caller| learned.slot(&format!("caller {caller}"), "m")).collect();
        slots.iter().zip(1..).for_each(|(slot, tokens)| learned.learn(*slot, tokens));
        let kept = slots.iter().zip(1..).filter(|(slot, tokens)| learned.get(**slot) == Some(*tokens)).count();
        assert!(kept > 80, "{kept} of a hundred in 4096 slots");
        for stranger in 0..100_000 {
            learned.learn(learned.slot(&format!("stranger {stranger}"), "m"), 1);
        }
        let known = (0..1000).filter(|new| learned.get(learned.slot(&format!("new {new}"), "m")).is_some()).count();
        assert!(known < 5, "{known} of a thousand who never asked, in a table that is full");
    }
}
