use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::lru::Lru;
use super::{SignatureStore, TurnKey};
use crate::clock::{Clock, SystemClock};

/// How many pieces the table is cut into, so that answers seldom wait for each other.
const SHARDS: usize = 16;

/// A piece with fewer entries or bytes than this is not worth having.
const MIN_ENTRIES: usize = 256;
const MIN_BYTES: usize = 1 << 20;

/// Signed reasoning in memory, with a bound on its entries, its bytes and its age. What was used least recently goes first.
///
/// Clones share what is kept. Without settings these are 16,384 turns, 64 MiB and one hour since the turn was last
/// asked for, so that a conversation keeps its turns for as long as it goes on.
///
/// ```
/// use std::time::Duration;
/// use tower_completions::replay::{MemorySignatures, SignatureLayer};
///
/// let signatures = MemorySignatures::new().max_bytes(256 << 20).ttl(Duration::from_secs(600));
/// let layer = SignatureLayer::new(signatures.clone());
/// assert_eq!((signatures.len(), signatures.bytes()), (0, 0));
/// ```
#[derive(Clone)]
pub struct MemorySignatures {
    shards: Arc<[Mutex<Lru>]>,
    max_entries: usize,
    max_bytes: usize,
    ttl: Duration,
    clock: Arc<dyn Clock>,
}

impl MemorySignatures {
    /// An empty store.
    pub fn new() -> Self {
        let clock = Arc::new(SystemClock::new());
        let this = Self {
            shards: Arc::default(),
            max_entries: 16_384,
            max_bytes: 64 << 20,
            ttl: Duration::from_secs(3600),
            clock,
        };
        this.emptied()
    }

    /// How many turns it keeps at most. The store is empty afterwards, and apart from clones made before.
    #[must_use]
    pub fn max_entries(self, max_entries: usize) -> Self {
        Self { max_entries, ..self }.emptied()
    }

    /// How many bytes it takes at most, with 256 for each turn beside its reasoning. The store is empty afterwards, and
    /// apart from clones made before.
    #[must_use]
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }.emptied()
    }

    /// How long a turn is kept after it was stored or last asked for. Clones made before keep theirs.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }

    /// The clock by which turns age; the machine's by default. Clones made before keep theirs.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// How many turns are kept, those included that have expired and were not met since.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).bytes()).sum()
    }

    /// Each shard has its part of the bounds, so that the bounds hold for all of them together.
    fn emptied(self) -> Self {
        let count = (self.max_entries / MIN_ENTRIES).min(self.max_bytes / MIN_BYTES).clamp(1, SHARDS);
        let shard = || Mutex::new(Lru::new(self.max_entries / count, self.max_bytes / count));
        Self { shards: (0..count).map(|_| shard()).collect(), ..self }
    }

    fn shard(&self, key: &TurnKey) -> Option<MutexGuard<'_, Lru>> {
        let at = usize::from(key.as_bytes()[0]) % self.shards.len();
        self.shards.get(at).map(lock)
    }
}

fn lock(shard: &Mutex<Lru>) -> MutexGuard<'_, Lru> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SignatureStore for MemorySignatures {
    fn get(&self, keys: Vec<TurnKey>) -> impl Future<Output = Vec<Option<Bytes>>> + Send {
        let now = self.clock.now();
        ready(keys.iter().map(|key| self.shard(key)?.get(key, now, self.ttl)).collect())
    }

    fn put(&self, key: TurnKey, reasoning: Bytes) {
        // A copy: what came in may be a small piece of a large allocation, which it would keep alive.
        let reasoning = Bytes::copy_from_slice(&reasoning);
        let now = self.clock.now();
        if let Some(mut shard) = self.shard(&key) {
            shard.put(key, reasoning, now, self.ttl);
        }
    }
}

impl Default for MemorySignatures {
    fn default() -> Self {
        Self::new()
    }
}

/// What is kept is not printed: it is a part of conversations.
impl fmt::Debug for MemorySignatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySignatures")
            .field("entries", &self.len())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::replay::key::Keys;
    use crate::replay::lru::ENTRY;

    fn key(turn: usize) -> TurnKey {
        Keys::of(None).call(turn.to_string().as_str().into())
    }

    fn get(store: &MemorySignatures, turn: usize) -> Option<Bytes> {
        let found = store.get(vec![key(turn)]);
        tokio_test::block_on(found).pop().flatten()
    }

    fn put(store: &MemorySignatures, turn: usize, bytes: usize) {
        store.put(key(turn), Bytes::from(vec![b'x'; bytes]));
    }

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let store = MemorySignatures::new().max_entries(3);
        (0..3).for_each(|turn| put(&store, turn, turn));
        assert_eq!(get(&store, 0).unwrap().len(), 0);
        put(&store, 3, 3);
        assert_eq!([0, 1, 2, 3].map(|turn| get(&store, turn).is_some()), [true, false, true, true]);
        put(&store, 0, 9);
        put(&store, 4, 4);
        assert_eq!((get(&store, 0).unwrap().len(), store.len()), (9, 3));
        assert_eq!([2, 3, 4].map(|turn| get(&store, turn).is_some()), [false, true, true]);
    }

    #[test]
    fn bytes_are_bounded_too_and_what_is_too_large_is_not_kept() {
        let store = MemorySignatures::new().max_bytes(2 * (1000 + ENTRY));
        (0..3).for_each(|turn| put(&store, turn, 1000));
        assert_eq!((store.len(), store.bytes()), (2, 2 * (1000 + ENTRY)));
        put(&store, 3, 3000);
        assert_eq!(store.len(), 2);
        put(&store, 1, 3000);
        assert!(get(&store, 1).is_none() && get(&store, 2).is_some(), "the old value of the key is not true any more");
        put(&store, 4, 2000);
        assert_eq!((store.len(), get(&store, 4).unwrap().len()), (1, 2000));
        assert_eq!(MemorySignatures::new().max_entries(0).max_bytes(0).len(), 0);
        put(&store.max_entries(0), 1, 1);
    }

    #[test]
    fn age_counts_from_the_last_use() {
        let clock = ManualClock::new(Duration::from_secs(1000));
        let store = MemorySignatures::new().ttl(Duration::from_secs(60)).clock(clock.clone());
        put(&store, 1, 1);
        put(&store, 2, 2);
        clock.advance(Duration::from_secs(59));
        assert!(get(&store, 1).is_some());
        clock.advance(Duration::from_secs(1));
        assert!(get(&store, 1).is_some() && get(&store, 2).is_none());
        clock.advance(Duration::from_secs(60));
        assert!(get(&store, 1).is_none());
        assert_eq!((store.len(), store.bytes()), (0, 0));
    }

    #[test]
    fn a_hundred_thousand_turns_stay_within_the_bounds() {
        const MOST: usize = 8 << 20;
        let store = MemorySignatures::new().max_entries(5000).max_bytes(MOST);
        assert!(store.shards.len() > 1);
        for turn in 0..100_000 {
            put(&store, turn, turn % 4096);
            if turn % 1000 == 0 {
                assert!(store.len() <= 5000 && store.bytes() <= MOST, "{store:?}");
            }
        }
        assert!(store.bytes() > MOST / 2 && get(&store, 99_999).is_some() && get(&store, 0).is_none());
        for shard in &*store.shards {
            assert!(lock(shard).capacity() <= 2 * 5000, "freed places are used again");
        }
    }

    #[test]
    fn many_threads_share_it() {
        let store = MemorySignatures::new().max_entries(512);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for turn in 0..2000 {
                        put(store, thread * 100 + turn % 300, 10);
                        assert!(get(store, turn).is_none_or(|kept| kept.len() == 10));
                    }
                });
            }
        });
        assert!(store.len() <= 512 && store.bytes() == store.len() * (10 + ENTRY));
    }

    #[test]
    fn debug_shows_counts_only() {
        let store = MemorySignatures::new();
        store.put(key(1), Bytes::from_static(b"planted"));
        assert_eq!(format!("{store:?}"), format!("MemorySignatures {{ entries: 1, bytes: {}, .. }}", 7 + ENTRY));
        assert_eq!(format!("{:?}", key(1)), "TurnKey { .. }");
    }
}
