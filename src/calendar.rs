//! The Gregorian calendar in UTC: times as ledgers and signatures write them.

use std::time::Duration;

use bytes::BufMut;

use crate::json::two_digits;

pub(crate) const DAY: u64 = 24 * 60 * 60;

/// Year, month and day of a day since 1970.
///
/// Years are taken to begin in March, so that a leap day is the last day of its year; the calendar repeats every 400 years.
pub(crate) fn date(days: u64) -> (u64, u64, u64) {
    const CENTURY: u64 = 36_524;
    const FOUR_YEARS: u64 = 1_461;
    const FOUR_CENTURIES: u64 = 146_097;
    const FROM_YEAR_0: u64 = 719_468; // 0000-03-01 to 1970-01-01

    let days = days + FROM_YEAR_0;
    let (era, day) = (days / FOUR_CENTURIES, days % FOUR_CENTURIES);
    let leap_days = day / (FOUR_YEARS - 1) - day / CENTURY + day / (FOUR_CENTURIES - 1);
    let year = (day - leap_days) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, five months have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next_year, month, day)
}

/// The first day of a month, both counted since January 1970.
pub(crate) fn first_day(month: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let (year, month) = (1970 + month / 12, (month % 12) as usize);
    // The leap years before a year.
    let leaps = |year: u64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let is_leap = leaps(year + 1) > leaps(year);
    (year - 1970) * 365 + leaps(year) - leaps(1970) + BEFORE[month] + u64::from(is_leap && month >= 2)
}

/// Appends a time since the Unix epoch as RFC 3339 has it, in UTC and with milliseconds: `2026-11-22T10:00:00.250Z`.
pub(crate) fn write_time(out: &mut impl BufMut, time: Duration) {
    let (days, second) = (time.as_secs() / DAY, time.as_secs() % DAY);
    let (year, month, day) = date(days.min(LAST_DAY));
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let millis = u64::from(time.subsec_millis());
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    text[21..23].copy_from_slice(&two_digits(millis % 100));
    text[20] += (millis / 100) as u8;
    let places = [(0, year / 100), (2, year % 100), (5, month), (8, day), (11, hour), (14, minute), (17, second)];
    for (at, number) in places {
        text[at..at + 2].copy_from_slice(&two_digits(number));
    }
    out.put_slice(&text);
}

/// 9999-12-31: RFC 3339 has four digits for a year.
const LAST_DAY: u64 = 2_932_896;

/// The time since the Unix epoch that an RFC 3339 time in UTC names, to the nanosecond.
pub(crate) fn read_time(text: &str) -> Option<Duration> {
    let (date, time) = text.strip_suffix(['Z', 'z']).and_then(|text| text.split_once(['T', 't', ' ']))?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let mut time = time.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let in_range = (1970..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let nanos = if fraction.is_empty() { 0 } else { format!("{fraction:0<9}").parse().ok()? };
    let days = first_day((year - 1970) * 12 + month - 1) + day - 1;
    Some(Duration::new(days * DAY + hour * 3600 + minute * 60 + second, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(time: Duration) -> String {
        let mut out = Vec::new();
        write_time(&mut out, time);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_day_of_800_years_follows_the_last() {
        let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..800 * 366 {
            assert_eq!(date(days), (year, month, day));
            if day == 1 {
                assert_eq!(first_day((year - 1970) * 12 + month - 1), days);
            }
            let length = match month {
                2 => 28 + u64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-02-29T23:00:00Z", Some(1_709_247_600)),
            ("2026-11-22 23:59:59z", Some(1_795_391_999)),
            ("2026-11-22T23:59:59+01:00", None),
            ("2026-11-22T23:59:59.x1Z", None),
            ("2026-11-22", None),
            ("2026-13-01T00:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("-1-01-01T00:00:00Z", None),
        ] {
            assert_eq!(read_time(text), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(read_time("1970-01-01T00:00:00.999999Z"), Some(Duration::from_nanos(999_999_000)));
        assert_eq!(read_time("1970-01-01T00:00:00.0000000019Z"), Some(Duration::from_nanos(1)));
    }

    #[test]
    fn what_is_written_reads_back_to_the_millisecond() {
        assert_eq!(written(Duration::from_nanos(1_999_999)), "1970-01-01T00:00:00.001Z");
        assert_eq!(written(Duration::from_millis(1_795_391_999_250)), "2026-11-22T23:59:59.250Z");
        assert!(written(Duration::MAX).starts_with("9999-12-31T"));
        for millis in [0, 951_782_400_000, 4_107_542_399_999, 253_402_300_799_999] {
            let time = Duration::from_millis(millis);
            assert_eq!(read_time(&written(time)), Some(time));
        }
    }
}
