//! Which ids were there before.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// The ids that came last, as 64 bits of each.
///
/// A line that was written twice comes twice within the lines around it: after a restart, or in a file that was copied.
/// Two different ids are taken for the same one with a probability of one in 2⁶⁴ for each pair: with a million ids
/// remembered, once in 18 million million lines.
pub(crate) struct Recent {
    capacity: usize,
    order: VecDeque<u64>,
    known: HashSet<u64, BuildHasherDefault<Itself>>,
}

impl Recent {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, order: VecDeque::new(), known: HashSet::default() }
    }

    /// Whether this id was not there before, as far as is remembered.
    pub(crate) fn is_new(&mut self, id: &str) -> bool {
        if self.capacity == 0 {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let hash = hasher.finish();
        if !self.known.insert(hash) {
            return false;
        }
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(hash);
        true
    }
}

/// A hash is its own hash.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_last_is_remembered() {
        let mut recent = Recent::new(2);
        assert!(recent.is_new("a") && recent.is_new("b"));
        assert!(!recent.is_new("a") && !recent.is_new("b"));
        assert!(recent.is_new("c"));
        assert!(recent.is_new("a"), "two are remembered, and two came since");
        assert!(!recent.is_new("c"));
        assert_eq!((recent.order.len(), recent.known.len()), (2, 2));
    }

    #[test]
    fn nothing_may_be_remembered() {
        let mut recent = Recent::new(0);
        assert!(recent.is_new("a") && recent.is_new("a"));
    }
}
