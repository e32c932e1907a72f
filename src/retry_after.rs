//! How long a provider asks to wait.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::calendar::first_day;

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
    let day: u64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next() != Some("GMT") || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let days = first_day((year - 1970) * 12 + month) + day - 1;
    Some(Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds))
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
}
