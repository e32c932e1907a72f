//! OpenAI's rate limit headers, and how it writes durations.

use std::fmt;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::store::Left;
use crate::decimal::write_scaled;
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
    let both = [(&REQUESTS, &left.requests), (&TOKENS, &left.tokens)];
    let said = both.iter().filter(|(_, allowance)| allowance.is_some()).count();
    if said < both.len() && headers.keys().any(|name| name.as_str().starts_with("x-ratelimit-")) {
        let unsaid = both.iter().filter(|(_, allowance)| allowance.is_none());
        unsaid.flat_map(|(names, _)| *names).for_each(|name| drop(headers.remove(name)));
    }
    if said == 0 {
        return;
    }
    // All values are in one allocation.
    let mut text = Vec::with_capacity(said * 3 * LONGEST);
    let mut ends = [0; 6];
    for ((_, allowance), ends) in both.iter().zip(ends.as_chunks_mut::<3>().0) {
        let Some(allowance) = allowance else { continue };
        write_u64(&mut text, allowance.limit);
        ends[0] = text.len();
        write_u64(&mut text, allowance.remaining);
        ends[1] = text.len();
        GoDuration(allowance.reset).write(&mut text);
        ends[2] = text.len();
    }
    headers.reserve(said * 3);
    let (text, mut start) = (Bytes::from(text), 0);
    let names = both.iter().flat_map(|(names, _)| *names);
    for (name, end) in names.zip(ends).filter(|(_, end)| *end > 0) {
        // Digits and letters, which every header can hold.
        if let Ok(value) = HeaderValue::from_maybe_shared(text.slice(start..end)) {
            headers.insert(name, value);
        }
        start = end;
    }
}

/// How long a number of 64 bits may be, in digits, and a duration hardly is.
const LONGEST: usize = 20;

/// When to come back: in whole seconds, at least one, and exactly. The SDKs read the exact one first.
pub(super) fn retry_after(wait: Duration) -> [(HeaderName, HeaderValue); 2] {
    let ms = millis(wait);
    [(RETRY_AFTER, ms.div_ceil(1000).max(1).into()), (RETRY_AFTER_MS, ms.into())]
}

/// A duration as [Go prints it](https://pkg.go.dev/time#Duration.String), in milliseconds rounded up: `6m0s`, `1.5s`,
/// `120ms`, `0s`.
pub(super) struct GoDuration(pub(super) Duration);

impl GoDuration {
    fn write(&self, out: &mut impl BufMut) {
        let ms = millis(self.0);
        if (1..1000).contains(&ms) {
            write_u64(out, ms);
            return out.put_slice(b"ms");
        }
        let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
        if hours > 0 {
            write_u64(out, hours);
            out.put_u8(b'h');
        }
        if hours > 0 || minutes > 0 {
            write_u64(out, minutes);
            out.put_u8(b'm');
        }
        write_scaled(out, ms % 60_000, 3);
        out.put_u8(b's');
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(LONGEST);
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Rounded up.
fn millis(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1000).saturating_add(u64::from(time.subsec_nanos().div_ceil(1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Allowance;

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
        set_left(&mut headers, &Left { requests: None, tokens: Some(left) });
        assert_eq!((headers.len(), &headers[&TOKENS[2]]), (3, &HeaderValue::from_static("1s")));
        set_left(&mut headers, &Left::default());
        assert!(headers.is_empty());
    }

    #[test]
    fn the_longest_values_fit() {
        let left = Some(Allowance { limit: u64::MAX, remaining: u64::MAX, reset: Duration::MAX });
        let mut headers = HeaderMap::new();
        set_left(&mut headers, &Left { requests: left, tokens: left });
        let longest = u64::MAX.to_string();
        for names in [&REQUESTS, &TOKENS] {
            let [limit, remaining, reset] = names.each_ref().map(|name| headers[name].to_str().unwrap());
            assert_eq!((limit, remaining, reset), (&*longest, &*longest, "5124095576030h25m51.615s"));
        }
    }
}
