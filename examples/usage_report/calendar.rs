//! Times, days and months of the ledger. All of them are in UTC.

use std::fmt;

const NANOS: u64 = 1_000_000_000;
const DAY: u64 = 86_400;

/// Nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(u64);

/// Days since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(u32);

/// Months since January of the year 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Month(u32);

impl Time {
    pub(crate) const EPOCH: Self = Self(0);

    /// An RFC 3339 time in UTC, of the years from 1970 to 2499.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix(['Z', 'z'])?.split_once(['T', 't', ' '])?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        if time.len() != 8 || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut parts = time.split(':').map(two_digits);
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        if hour > 23 || minute > 59 || second > 60 || parts.next().is_some() {
            return None;
        }
        let kept = &fraction[..fraction.len().min(9)];
        let nanos = kept.parse::<u64>().ok()? * 10_u64.pow(9 - kept.len() as u32);
        let seconds = u64::from(Day::parse(date)?.0) * DAY + hour * 3600 + minute * 60 + second;
        Some(Self(seconds * NANOS + nanos))
    }

    pub(crate) fn day(self) -> Day {
        Day((self.0 / NANOS / DAY) as u32)
    }

    /// `18:05`.
    pub(crate) fn clock(self) -> String {
        let minutes = self.0 / NANOS % DAY / 60;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Day {
    /// `2026-11-30`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (year, rest) = text.split_at_checked(4)?;
        let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
        let (century, year) = year.split_at_checked(2)?;
        let (year, month, day) = (two_digits(century)? * 100 + two_digits(year)?, two_digits(month)?, two_digits(day)?);
        if !(1970..2500).contains(&year) || !(1..=12).contains(&month) {
            return None;
        }
        let found = Self(days_before(year as u32, month as u32) + (day as u32).checked_sub(1)?);
        // The 31st of a month of 30 days would be the 1st of the next one.
        (found.month().0 == year as u32 * 12 + month as u32 - 1).then_some(found)
    }

    pub(crate) fn start(self) -> Time {
        Time(u64::from(self.0) * DAY * NANOS)
    }

    pub(crate) fn end(self) -> Time {
        self.next().start()
    }

    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    pub(crate) fn days_until(self, other: Self) -> u32 {
        other.0.saturating_sub(self.0)
    }

    pub(crate) fn month(self) -> Month {
        // The month is at most one off from where months of the mean length would put it.
        let guess = 1970 * 12 + (u64::from(self.0) * 4800 / 146_097) as u32;
        let month = (guess.saturating_sub(1)..=guess + 1).rev().find(|&month| Month(month).first_day() <= self);
        Month(month.unwrap_or(guess))
    }

    fn day_of_month(self) -> u32 {
        self.0 - self.month().first_day().0 + 1
    }

    /// `30 Nov`.
    pub(crate) fn short(self) -> String {
        format!("{} {}", self.day_of_month(), self.month().name())
    }

    /// `30 Nov 2026`.
    pub(crate) fn long(self) -> String {
        format!("{} {}", self.short(), self.month().year())
    }
}

impl Month {
    pub(crate) fn plus(self, months: u32) -> Self {
        Self(self.0 + months)
    }

    /// The first month of the same year.
    pub(crate) fn january(self) -> Self {
        Self(self.0 / 12 * 12)
    }

    pub(crate) fn months_until(self, other: Self) -> u32 {
        other.0.saturating_sub(self.0)
    }

    pub(crate) fn year(self) -> u32 {
        self.0 / 12
    }

    pub(crate) fn name(self) -> &'static str {
        const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        NAMES[(self.0 % 12) as usize]
    }

    /// `Nov 2026`.
    pub(crate) fn long(self) -> String {
        format!("{} {}", self.name(), self.year())
    }

    pub(crate) fn first_day(self) -> Day {
        Day(days_before(self.year(), self.0 % 12 + 1))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.month(), self.day_of_month())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.0 % 12 + 1)
    }
}

fn two_digits(text: &str) -> Option<u64> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The days from the epoch to the first of a month.
fn days_before(year: u32, month: u32) -> u32 {
    const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_days = |years: u32| years / 4 - years / 100 + years / 400;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let past = leap_days(year.saturating_sub(1)) - leap_days(1969) + u32::from(leap && month > 2);
    (year - 1970) * 365 + past + BEFORE[month as usize - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_go_round() {
        let mut day = Day(0);
        for _ in 0..193_000 {
            assert_eq!(Day::parse(&day.to_string()), Some(day), "{day}");
            day = day.next();
        }
        assert_eq!(Day(0).to_string(), "1970-01-01");
        assert_eq!(Day(20_787).to_string(), "2026-11-30");
        assert_eq!(Day(20_787).long(), "30 Nov 2026");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, nanos) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-02-29T23:00:00Z", Some(1_709_247_600_000_000_000)),
            ("2026-11-22T23:59:59.250Z", Some(1_795_391_999_250_000_000)),
            ("2026-11-22 23:59:59.1234567891z", Some(1_795_391_999_123_456_789)),
            ("2026-11-22T23:59:59+01:00", None),
            ("2026-11-22T23:59:59", None),
            ("2026-11-22", None),
            ("2026-11-31T00:00:00Z", None),
            ("2026-02-29T00:00:00Z", None),
            ("2026-11-00T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("2500-01-01T00:00:00Z", None),
            ("2026-11-22T24:00:00Z", None),
            ("2026-11-22T1:00:000Z", None),
            ("2026-11-22T00:00:00.Z", None),
            ("+026-11-22T00:00:00Z", None),
            ("äö-11-22T00:00:00Z", None),
        ] {
            assert_eq!(Time::parse(text), nanos.map(Time), "{text}");
        }
        assert_eq!(Time::parse("2026-11-22T18:05:59Z").unwrap().clock(), "18:05");
    }

    #[test]
    fn a_day_ends_where_the_next_one_starts() {
        let day = Day::parse("2026-11-30").unwrap();
        assert_eq!(day.end(), Time::parse("2026-12-01T00:00:00Z").unwrap());
        assert_eq!(day.start().day(), day);
        assert_eq!(day.month().plus(1).to_string(), "2026-12");
        assert_eq!(day.days_until(Day::parse("2027-01-01").unwrap()), 32);
        assert_eq!(day.month().months_until(Day::parse("2027-02-01").unwrap().month()), 3);
    }
}
