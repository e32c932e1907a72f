//! How long a provider asks to wait.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// What `retry-after-ms` or `retry-after` says, of which the first counts. `now` is the time since the Unix epoch, for a
/// `retry-after` that is a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: Duration) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(wait) = text("retry-after-ms").and_then(|text| seconds(text, 1e-3)) {
        return Some(wait);
    }
    let text = text(RETRY_AFTER.as_str())?;
    seconds(text, 1.0).or_else(|| Some(date(text)?.saturating_sub(now)))
}

/// A number that is not negative. Some providers send fractions.
fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text.parse::<f64>().ok().filter(|_| is_number)?;
    Some(Duration::try_from_secs_f64(number * unit).unwrap_or(Duration::MAX))
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Wed, 21 Oct 2026 07:28:00 GMT`, the one form of a date that may be sent, as the time since the Unix epoch.
fn date(text: &str) -> Option<Duration> {
    let (_, text) = text.split_once(", ")?;
    let mut words = text.split(' ');
    let day: i64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next() != Some("GMT") || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let days = u64::try_from(days_from_epoch(year, month, day)).ok()?;
    Some(Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds))
}

/// Days since 1970-01-01, with years that begin in March, so that the leap day is the last one.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let century_days = |year: i64| year * 365 + year / 4 - year / 100 + year / 400;
    century_days(year) + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&'static str, &str)]) -> Option<Duration> {
        let headers = lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        retry_after(&headers, Duration::from_secs(1_792_567_600))
    }

    #[test]
    fn seconds_milliseconds_and_dates() {
        for (lines, expected) in [
            (&[("retry-after", "7")][..], Some(7_000)),
            (&[("retry-after", "0.25")], Some(250)),
            (&[("retry-after", "0")], Some(0)),
            (&[("retry-after-ms", "1500"), ("retry-after", "7")], Some(1_500)),
            (&[("retry-after-ms", "soon"), ("retry-after", " 7 ")], Some(7_000)),
            // 1792567680 is Wed, 21 Oct 2026 07:28:00 GMT.
            (&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], Some(80_000)),
            (&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")], Some(0)),
            (&[("retry-after", "")], None),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "NaN")], None),
            (&[("retry-after", "inf")], None),
            (&[("retry-after", "1e9")], None),
            (&[("retry-after", "Wed, 21 Oct 2026 07:28:00")], None),
            (&[("retry-after", "Wed, 32 Oct 2026 07:28:00 GMT")], None),
            (&[("retry-after", "Wed, 21 Foo 2026 07:28 GMT")], None),
            (&[], None),
        ] {
            assert_eq!(read(lines), expected.map(Duration::from_millis), "{lines:?}");
        }
        assert_eq!(read(&[("retry-after", &"9".repeat(400))]), Some(Duration::MAX));
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        for (date, days) in [((1970, 1, 1), 0), ((1970, 3, 1), 59), ((2000, 2, 29), 11_016), ((2026, 10, 21), 20_747)] {
            assert_eq!(days_from_epoch(date.0, date.1, date.2), days, "{date:?}");
        }
    }
}
