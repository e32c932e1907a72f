//! Places, and who has taken one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many places are taken. Clones are the same count.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<AtomicUsize>);

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Place(Places);

impl Places {
    pub(super) fn taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes a place, if fewer than so many are taken.
    pub(super) fn take(&self, limit: usize) -> Option<Place> {
        let next = |taken: usize| (taken < limit).then(|| taken + 1);
        let took = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        took.ok().map(|_| Place(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_race_takes_one_place_too_many() {
        let places = Places::default();
        let take = || (0..1_000).filter_map(|_| places.take(100)).collect::<Vec<_>>();
        let taken = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!((taken.len(), places.taken()), (100, 100));
        drop(taken);
        assert_eq!(places.taken(), 0);
        assert!(places.take(0).is_none());
    }
}
