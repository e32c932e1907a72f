//! OpenAI's rate limit headers, and how it writes durations.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::store::{Allowance, Left};
use crate::json::write_u64;

static REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
static TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// Says how much is left. What stands there already is somebody else's, such as the provider's of our account: it goes,
/// also where we have nothing to say.
pub(super) fn set_left(headers: &mut HeaderMap, left: &Left) {
    let mut values = Values::default();
    for (names, allowance) in [(&REQUESTS, &left.requests), (&TOKENS, &left.tokens)] {
        match allowance {
            Some(allowance) => values.add(names, allowance),
            None => names.iter().for_each(|name| drop(headers.remove(name))),
        }
    }
    values.insert(headers);
}

/// The values of headers, one after the other in one allocation.
#[derive(Default)]
struct Values {
    text: Vec<u8>,
    ends: [(Option<&'static HeaderName>, usize); 6],
    count: usize,
}

impl Values {
    fn add(&mut self, names: &'static [HeaderName; 3], allowance: &Allowance) {
        let [limit, remaining, reset] = names;
        self.text.reserve(64);
        write_u64(&mut self.text, allowance.limit);
        self.end(limit);
        write_u64(&mut self.text, allowance.remaining);
        self.end(remaining);
        let _infallible = write!(self.text, "{}", GoDuration(allowance.reset));
        self.end(reset);
    }

    fn end(&mut self, name: &'static HeaderName) {
        self.ends[self.count] = (Some(name), self.text.len());
        self.count += 1;
    }

    fn insert(self, headers: &mut HeaderMap) {
        headers.reserve(self.count);
        let text = Bytes::from(self.text);
        let mut start = 0;
        for (name, end) in self.ends {
            let Some(name) = name else { break };
            // Digits and letters, which every header can hold.
            if let Ok(value) = HeaderValue::from_maybe_shared(text.slice(start..end)) {
                headers.insert(name, value);
            }
            start = end;
        }
    }
}

/// When to come back: in whole seconds, at least one, and exactly. The SDKs read the exact one first.
pub(super) fn retry_after(wait: Duration) -> [(HeaderName, HeaderValue); 2] {
    let ms = millis(wait);
    [(RETRY_AFTER, ms.div_ceil(1000).max(1).into()), (RETRY_AFTER_MS, ms.into())]
}

/// A duration as [Go prints it](https://pkg.go.dev/time#Duration.String), in milliseconds rounded up: `6m0s`, `1.5s`,
/// `120ms`, `0s`.
pub(super) struct GoDuration(pub(super) Duration);

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = millis(self.0);
        let (seconds, fraction) = (ms / 1000, ms % 1000);
        if seconds == 0 && fraction > 0 {
            return write!(f, "{fraction}ms");
        }
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        match fraction {
            0 => write!(f, "{seconds}s"),
            _ if fraction % 100 == 0 => write!(f, "{seconds}.{}s", fraction / 100),
            _ if fraction % 10 == 0 => write!(f, "{seconds}.{:02}s", fraction / 10),
            _ => write!(f, "{seconds}.{fraction:03}s"),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ms"),
            (120_000_000, "120ms"),
            (999_000_001, "1s"),
            (1_000_000_000, "1s"),
            (1_500_000_000, "1.5s"),
            (8_640_000_000, "8.64s"),
            (59_999_000_000, "59.999s"),
            (360_000_000_000, "6m0s"),
            (86_400_000_000, "1m26.4s"),
            (3_600_000_000_000, "1h0m0s"),
            (100_000_005_000_000, "27h46m40.005s"),
        ] {
            assert_eq!(GoDuration(Duration::from_nanos(nanos)).to_string(), text);
        }
    }

    #[test]
    fn waiting_is_never_too_short() {
        for (micros, seconds, ms) in [(0, "1", "0"), (1, "1", "1"), (1_000_000, "1", "1000"), (1_000_001, "2", "1001")]
        {
            let [(_, whole), (_, exact)] = retry_after(Duration::from_micros(micros));
            assert_eq!((whole, exact), (HeaderValue::from_static(seconds), HeaderValue::from_static(ms)));
        }
        assert!(retry_after(Duration::MAX)[0].1.to_str().unwrap().parse::<u64>().is_ok());
    }

    #[test]
    fn what_others_said_goes() {
        let mut headers = HeaderMap::new();
        for name in REQUESTS.iter().chain(&TOKENS) {
            headers.append(name, HeaderValue::from_static("planted"));
            headers.append(name, HeaderValue::from_static("planted"));
        }
        let left = Allowance { limit: 60, remaining: 59, reset: Duration::from_secs(1) };
        set_left(&mut headers, &Left { requests: Some(left), tokens: None });
        assert_eq!(headers.len(), 3);
        for (name, value) in REQUESTS.iter().zip(["60", "59", "1s"]) {
            assert_eq!(headers[name], value);
        }
    }
}
