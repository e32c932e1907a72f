use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;

/// A moment as `x-amz-date` has it: ISO 8601's basic format, in UTC.
pub(super) struct Stamp(String);

impl Stamp {
    /// The moment at this time since the Unix epoch.
    pub(super) fn new(time: Duration) -> Self {
        let (days, second) = (time.as_secs() / DAY, time.as_secs() % DAY);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        Self(format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"))
    }

    /// Takes a moment as it stands in a header.
    #[cfg(feature = "mock")]
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let is_number = |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        (is_number(date, 8) && is_number(time, 6)).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The date alone.
    pub(super) fn date(&self) -> &str {
        self.0.split_once('T').map_or(&self.0, |(date, _)| date)
    }
}

/// Year, month and day of a day since 1970 in the Gregorian calendar.
///
/// Years are taken to begin in March, so that a leap day is the last day of its year; the calendar repeats every 400 years.
fn date(days: u64) -> (u64, u64, u64) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(seconds: u64) -> String {
        Stamp::new(Duration::from_secs(seconds)).0
    }

    #[test]
    fn known_moments() {
        for (seconds, expected) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_800, "20000301T000000Z"),
            (1_440_938_160, "20150830T123600Z"),
            (4_107_542_399, "21000228T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
            (253_402_300_799, "99991231T235959Z"),
        ] {
            assert_eq!(stamp(seconds), expected);
        }
        assert_eq!(Stamp::new(Duration::from_millis(1_440_938_160_999)).date(), "20150830");
    }

    #[test]
    fn each_day_of_800_years_follows_the_last() {
        let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..800 * 366 {
            assert_eq!(date(days), (year, month, day));
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
}
