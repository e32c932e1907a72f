//! OpenAI's rate limit headers, and how it writes durations.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::store::{Allowance, Left};

const REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// Says how much is left. What stands there already is somebody else's, such as the provider's of our account: it goes,
/// also where we have nothing to say.
pub(super) fn set_left(headers: &mut HeaderMap, left: &Left) {
    for (names, allowance) in [(REQUESTS, left.requests), (TOKENS, left.tokens)] {
        match allowance {
            Some(allowance) => {
                for (name, value) in names.into_iter().zip(values(&allowance)) {
                    headers.insert(name, value);
                }
            }
            None => names.iter().for_each(|name| drop(headers.remove(name))),
        }
    }
}

fn values(allowance: &Allowance) -> [HeaderValue; 3] {
    // A duration is visible ASCII, so the other value is never taken.
    let reset = HeaderValue::try_from(go_duration(allowance.reset)).unwrap_or(HeaderValue::from_static("0s"));
    [allowance.limit.into(), allowance.remaining.into(), reset]
}

/// When to come back: in whole seconds, at least one, and exactly. The SDKs read the exact one first.
pub(super) fn retry_after(wait: Duration) -> [(HeaderName, HeaderValue); 2] {
    let ms = millis(wait);
    [(RETRY_AFTER, ms.div_ceil(1000).max(1).into()), (RETRY_AFTER_MS, ms.into())]
}

/// A duration as [Go prints it](https://pkg.go.dev/time#Duration.String), in milliseconds rounded up: `6m0s`, `1.5s`,
/// `120ms`, `0s`.
pub(super) fn go_duration(time: Duration) -> String {
    let ms = millis(time);
    let (seconds, fraction) = (ms / 1000, ms % 1000);
    if seconds == 0 {
        return if fraction == 0 { "0s".to_owned() } else { format!("{fraction}ms") };
    }
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = match fraction {
        0 => String::new(),
        _ => format!(".{fraction:03}").trim_end_matches('0').to_owned(),
    };
    match (hours, minutes) {
        (0, 0) => format!("{seconds}{fraction}s"),
        (0, _) => format!("{minutes}m{seconds}{fraction}s"),
        _ => format!("{hours}h{minutes}m{seconds}{fraction}s"),
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
            assert_eq!(go_duration(Duration::from_nanos(nanos)), text);
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
        for name in REQUESTS.into_iter().chain(TOKENS) {
            headers.append(&name, HeaderValue::from_static("planted"));
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
