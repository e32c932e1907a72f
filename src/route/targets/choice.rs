//! Whom to ask.

use std::sync::Arc;
use std::time::Duration;

use crate::random::{Random, mix, unit};

/// How a target is chosen from those that are well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// Of two that chance picks, the one with less to do: its answers in progress, each to its last byte, times what its
    /// first token takes, for its weight.
    #[default]
    LeastLoaded,
    /// By chance, in proportion to the weights.
    Weighted,
    /// The first one, in the order in which they were given; the others are spares.
    InOrder,
}

/// A request extension by which requests that belong together go to the same target, whose prompt cache knows them: a
/// conversation, a user, a long system prompt.
///
/// The target follows from the key and the targets' names and weights alone, so that all processes of a host agree. When one
/// rests, only its own keys move, and they come back after it.
///
/// ```
/// use tower_completions::route::StickyKey;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(StickyKey::new("conversation-7"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickyKey(Arc<str>);

impl StickyKey {
    /// A key of the host's own making.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self(key.into())
    }
}

/// A target that can be asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) at: usize,
    /// The hash of its name.
    pub(super) key: u64,
    pub(super) weight: u32,
    pub(super) in_flight: u32,
    /// What its first token takes, and how long ago that was measured.
    pub(super) first_token: Option<(Duration, Duration)>,
}

/// Chooses one. Those without a weight are chosen when there are no others.
pub(super) fn choose(
    candidates: &mut Vec<Candidate>,
    balance: Balance,
    key: Option<&StickyKey>,
    random: &Random,
) -> Option<usize> {
    if candidates.iter().any(|candidate| candidate.weight > 0) {
        candidates.retain(|candidate| candidate.weight > 0);
    }
    let first = *candidates.first()?;
    if candidates.len() == 1 {
        return Some(first.at);
    }
    Some(match (key, balance) {
        (Some(key), _) => rendezvous(candidates, key),
        (None, Balance::InOrder) => first.at,
        (None, Balance::Weighted) => weighted(candidates, random),
        (None, Balance::LeastLoaded) => less_loaded(candidates, random),
    })
}

fn weighted(candidates: &[Candidate], random: &Random) -> usize {
    let weight = |candidate: &Candidate| u64::from(candidate.weight.max(1));
    let mut drawn = random.below(candidates.iter().map(weight).sum());
    for candidate in candidates {
        match drawn.checked_sub(weight(candidate)) {
            Some(rest) => drawn = rest,
            None => return candidate.at,
        }
    }
    candidates[candidates.len() - 1].at
}

fn less_loaded(candidates: &[Candidate], random: &Random) -> usize {
    let count = candidates.len();
    let one = random.below(count as u64) as usize;
    let other = (one + 1 + random.below(count as u64 - 1) as usize) % count;
    let (one, other) = (&candidates[one], &candidates[other]);
    // Of one that was never measured only its answers in progress are known.
    let is_measured = one.first_token.is_some() && other.first_token.is_some();
    if load(other, is_measured) < load(one, is_measured) { other.at } else { one.at }
}

/// A figure that was measured long ago fades, so that a target which was slow once is asked again.
const FADING: f64 = 30.0;

fn load(candidate: &Candidate, is_measured: bool) -> f64 {
    let tasks = f64::from(candidate.in_flight) + 1.0;
    let takes = match candidate.first_token {
        Some((takes, ago)) if is_measured => takes.as_secs_f64().max(1e-3) * (-ago.as_secs_f64() / FADING).exp(),
        _ => 1.0,
    };
    tasks * takes / f64::from(candidate.weight.max(1))
}

/// Weighted rendezvous hashing: each target draws a number from the key and its own name, and the best one has it.
fn rendezvous(candidates: &[Candidate], key: &StickyKey) -> usize {
    let score = |candidate: &Candidate| {
        let drawn = unit(mix(hash(&key.0) ^ mix(candidate.key))).max(f64::MIN_POSITIVE);
        -drawn.ln() / f64::from(candidate.weight.max(1))
    };
    let best = candidates.iter().min_by(|one, other| score(one).total_cmp(&score(other)));
    best.map_or(0, |candidate| candidate.at)
}

/// FNV-1a: the same in every process and every version of this crate.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["east", "west", "north"];

    fn three() -> [Candidate; 3] {
        std::array::from_fn(|at| Candidate { at, key: hash(NAMES[at]), weight: 1, in_flight: 0, first_token: None })
    }

    fn counts(candidates: [Candidate; 3], balance: Balance) -> [u32; 3] {
        let random = Random::seeded(5);
        let mut counts = [0; 3];
        for _ in 0..6_000 {
            counts[choose(&mut candidates.to_vec(), balance, None, &random).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn by_weight() {
        let mut candidates = three();
        (candidates[0].weight, candidates[1].weight, candidates[2].weight) = (1, 5, 0);
        let [one, five, none] = counts(candidates, Balance::Weighted);
        assert!((900..1_100).contains(&one) && (4_900..5_100).contains(&five) && none == 0, "{one} {five}");
        assert_eq!(counts(candidates, Balance::InOrder), [6_000, 0, 0]);
        let spare = vec![candidates[2]];
        assert_eq!(choose(&mut spare.clone(), Balance::Weighted, None, &Random::seeded(1)), Some(2));
        assert_eq!(choose(&mut Vec::new(), Balance::Weighted, None, &Random::seeded(1)), None);
    }

    #[test]
    fn the_most_loaded_of_three_is_never_the_better_of_two() {
        let mut candidates = three();
        (candidates[0].in_flight, candidates[1].in_flight, candidates[2].in_flight) = (9, 4, 0);
        let [most, middle, least] = counts(candidates, Balance::LeastLoaded);
        assert!(most == 0 && middle > 1_800 && least > 3_800, "{most} {middle} {least}");
        candidates.iter_mut().for_each(|candidate| candidate.in_flight = 0);
        assert!(counts(candidates, Balance::LeastLoaded).iter().all(|count| (1_850..2_150).contains(count)));
    }

    #[test]
    fn the_first_token_counts_while_it_is_fresh_and_known_of_both() {
        let [mut slow, mut fast, _] = three();
        let measured = |ago| Some((Duration::from_secs(4), Duration::from_secs(ago)));
        (slow.first_token, fast.first_token) = (measured(0), Some((Duration::from_secs(1), Duration::ZERO)));
        fast.in_flight = 2;
        let two = |slow, fast| (0..9).map(|seed| less_loaded(&[slow, fast], &Random::seeded(seed))).collect::<Vec<_>>();
        assert_eq!(two(slow, fast), [1; 9], "three at one second are less than one at four");
        slow.first_token = measured(60);
        assert_eq!(two(slow, fast), [0; 9], "that was long ago");
        slow.first_token = None;
        assert_eq!(two(slow, fast), [0; 9], "who knows");
    }

    #[test]
    fn a_key_stays_where_it_is_and_only_those_of_who_rests_move() {
        let all = three();
        let of = |candidates: &[Candidate], key: u32| {
            let key = StickyKey::new(key.to_string());
            choose(&mut candidates.to_vec(), Balance::Weighted, Some(&key), &Random::seeded(1)).unwrap()
        };
        let mut counts = [0; 3];
        for key in 0..3_000 {
            let home = of(&all, key);
            counts[home] += 1;
            assert_eq!(home, of(&[all[2], all[0], all[1]], key), "the order is nothing to it");
            let without_east = of(&all[1..], key);
            assert!(home == 0 || home == without_east);
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        let heavy = Candidate { weight: 3, ..all[0] };
        let share = (0..3_000).filter(|key| of(&[heavy, all[1]], *key) == 0).count();
        assert!((2_150..2_350).contains(&share), "three of four: {share}");
    }
}
