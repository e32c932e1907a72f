use std::time::Duration;

use crate::calendar::{DAY, date};

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
}
