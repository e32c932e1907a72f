//! Percentiles in bounded memory.

/// Each power of two is cut into this many buckets, so that the middle of a bucket is within 1/128 of all that is in it.
const SLICES: usize = 64;
const SLICE_BITS: u32 = SLICES.ilog2();
/// Values that are kept one by one before there are buckets: most rows of a report stand for few requests.
const FEW: usize = 64;

/// How often which times were seen, in log-linear buckets: a quantile is wrong by less than 0.8 %. (Shown in three
/// digits, by less than 1.3 %.)
///
/// Buckets of a power of two are there once one of them is used. A histogram of times between 1 ms and 10 minutes takes at
/// most 5 kB, and one of all times that there are 15 kB.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    count: u64,
    smallest: u64,
    largest: u64,
    few: Vec<u16>,
    many: Vec<Option<Box<[u32; SLICES]>>>,
}

impl Histogram {
    pub(crate) fn record(&mut self, value: u64) {
        self.smallest = if self.count == 0 { value } else { self.smallest.min(value) };
        self.largest = self.largest.max(value);
        self.add(bucket(value), 1);
    }

    /// The value that this part of all is not above (nearest rank), if there is any.
    pub(crate) fn quantile(&self, percent: u64) -> Option<u64> {
        let rank = self.count.saturating_mul(percent).div_ceil(100).max(1);
        let found = if self.many.is_empty() {
            let mut few = self.few.clone();
            few.sort_unstable();
            few.get(rank as usize - 1).copied()?
        } else {
            let mut seen = 0;
            let mut buckets = self.buckets();
            buckets
                .find(|(_, count)| {
                    seen += u64::from(*count);
                    seen >= rank
                })?
                .0
        };
        Some(middle(found).clamp(self.smallest, self.largest))
    }

    /// Takes in all that another one has seen.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.smallest = if self.count == 0 { other.smallest } else { self.smallest.min(other.smallest) };
        self.largest = self.largest.max(other.largest);
        for &bucket in &other.few {
            self.add(bucket, 1);
        }
        for (bucket, count) in other.buckets() {
            self.add(bucket, count);
        }
    }

    fn add(&mut self, bucket: u16, count: u32) {
        self.count += u64::from(count);
        if self.many.is_empty() && count == 1 && self.few.len() < FEW {
            self.few.push(bucket);
            return;
        }
        for bucket in std::mem::take(&mut self.few) {
            self.add_to_buckets(bucket, 1);
        }
        self.add_to_buckets(bucket, count);
    }

    fn add_to_buckets(&mut self, bucket: u16, count: u32) {
        let (power, slice) = (usize::from(bucket) / SLICES, usize::from(bucket) % SLICES);
        if self.many.len() <= power {
            self.many.resize(power + 1, None);
        }
        let slices = self.many[power].get_or_insert_with(|| Box::new([0; SLICES]));
        slices[slice] = slices[slice].saturating_add(count);
    }

    /// The buckets that hold something, smallest first.
    fn buckets(&self) -> impl Iterator<Item = (u16, u32)> {
        let powers = self.many.iter().enumerate().filter_map(|(power, slices)| Some((power, slices.as_deref()?)));
        powers.flat_map(|(power, slices)| {
            let used = slices.iter().enumerate().filter(|(_, count)| **count > 0);
            used.map(move |(slice, count)| ((power * SLICES + slice) as u16, *count))
        })
    }
}

/// Small values have a bucket each; above, the leading bits of a value are its bucket.
fn bucket(value: u64) -> u16 {
    let shift = value.checked_ilog2().unwrap_or(0).saturating_sub(SLICE_BITS);
    let slices = (value >> shift) as u16;
    // The leading one is in `slices`: the first power that is shifted begins where the small values end.
    shift as u16 * SLICES as u16 + slices
}

/// The value in the middle of a bucket.
fn middle(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    let shift = (bucket / SLICES as u64).saturating_sub(1);
    let lowest = (bucket - shift * SLICES as u64) << shift;
    lowest + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern, the same in each run.
    fn numbers() -> impl Iterator<Item = u64> {
        let mut state = 7_u64;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        })
    }

    fn close(found: u64, truth: u64) -> bool {
        found.abs_diff(truth) as f64 <= truth as f64 / 128.0
    }

    #[test]
    fn the_middle_of_each_bucket_is_close_to_all_that_is_in_it() {
        for value in (0..5_000).chain((0..64).flat_map(|bit| [1 << bit, (1 << bit) + (1 << bit) / 3, u64::MAX >> bit]))
        {
            assert!(close(middle(bucket(value)), value), "{value}");
        }
        for small in 0..128 {
            assert_eq!(middle(bucket(small)), small);
        }
        assert!((0..100_000_u64).map(bucket).is_sorted());
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        for size in [1, 2, 3, 63, 64, 65, 1_000, 100_000] {
            // From some microseconds to some hours, more of the short ones.
            let mut values: Vec<u64> = numbers().take(size).map(|number| number >> (number % 24)).collect();
            let mut histogram = Histogram::default();
            values.iter().for_each(|&value| histogram.record(value));
            values.sort_unstable();
            for percent in [1, 50, 90, 99, 100] {
                let truth = values[(size * percent).div_ceil(100) - 1];
                let found = histogram.quantile(percent as u64).unwrap();
                assert!(close(found, truth), "{size} {percent}: {found} {truth}");
            }
        }
    }

    #[test]
    fn of_one_value_it_is_the_value_and_of_none_nothing() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(50), None);
        histogram.record(1_234_567);
        assert_eq!((histogram.quantile(50), histogram.quantile(99)), (Some(1_234_567), Some(1_234_567)));
    }

    #[test]
    fn merged_is_as_if_all_had_been_recorded_in_one() {
        for size in [10, 50, 200] {
            let (mut one, mut two, mut all) = (Histogram::default(), Histogram::default(), Histogram::default());
            for (index, value) in numbers().take(size).enumerate() {
                all.record(value);
                if index % 3 == 0 { one.record(value) } else { two.record(value) }
            }
            one.merge(&Histogram::default());
            one.merge(&two);
            for percent in [0, 1, 50, 99, 100] {
                assert_eq!(one.quantile(percent), all.quantile(percent), "{size} {percent}");
            }
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut histogram = Histogram::default();
        numbers().take(100_000).for_each(|number| histogram.record(number << (number % 31)));
        histogram.record(u64::MAX);
        histogram.record(0);
        assert!(histogram.few.is_empty() && histogram.many.len() <= 59);
    }
}
