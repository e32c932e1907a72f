//! Randomness, for whatever chooses or waits by chance: so that a test can say what comes.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random numbers, which nobody's secrets may depend on. All clones are the same source.
///
/// ```
/// use tower_completions::random::Random;
///
/// let (one, other) = (Random::seeded(7), Random::seeded(7));
/// assert_eq!(one.below(1_000), other.below(1_000));
/// ```
#[derive(Clone)]
pub struct Random(Arc<AtomicU64>);

impl Random {
    /// A source that differs from run to run.
    pub fn new() -> Self {
        Self::seeded(RandomState::new().build_hasher().finish())
    }

    /// A source that gives the same numbers each time.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        mix(self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP))
    }

    /// A number below this one; 0 if there is none.
    pub fn below(&self, bound: u64) -> u64 {
        // The high half of the product: the bias is one in 2^64.
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from 0 to below 1.
    pub fn unit(&self) -> f64 {
        unit(self.next())
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finish: each bit of the input moves half of the bits of the output.
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The upper 53 bits as a number from 0 to below 1.
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_even() {
        let random = Random::seeded(1);
        let mut counts = [0; 8];
        for _ in 0..8_000 {
            counts[random.below(8) as usize] += 1;
            assert!((0.0..1.0).contains(&random.unit()));
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        assert_eq!(random.below(0), 0);
        assert_ne!(Random::new().next(), Random::new().next());
    }
}
