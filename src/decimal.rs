//! Decimal numbers as people and ledgers write them, without a detour over binary fractions.

use bytes::BufMut;

use crate::json::write_u64;

/// A number of so many decimals as a whole number of their last place: digits with at most one point between them. What
/// is smaller than the last place is rounded half up.
pub(crate) fn scaled(text: &str, decimals: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let (kept, rest) = fraction.split_at(fraction.len().min(decimals));
    let kept: u64 = format!("{kept:0<decimals$}").parse().ok()?;
    let round_up = rest.starts_with(|digit: char| digit >= '5');
    let unit = 10_u64.checked_pow(u32::try_from(decimals).ok()?)?;
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(kept + u64::from(round_up))
}

/// Appends a whole number of a last place, one of at most 19 decimals, as a decimal number, exact and without needless
/// zeros: `10`, `0.000000001`.
#[inline]
pub(crate) fn write_scaled(out: &mut impl BufMut, number: u64, decimals: u32) {
    let unit = 10_u64.saturating_pow(decimals);
    let (whole, mut rest) = (number / unit, number % unit);
    write_u64(out, whole);
    if rest == 0 {
        return;
    }
    let mut fraction = [b'.'; 21];
    let mut end = 0;
    for (at, digit) in fraction[..=decimals as usize].iter_mut().enumerate().skip(1).rev() {
        if end == 0 && !rest.is_multiple_of(10) {
            end = at + 1;
        }
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.put_slice(&fraction[..end]);
}

/// Nano-dollars as US dollars.
pub(crate) fn usd(nano: u64) -> String {
    let mut text = Vec::with_capacity(20);
    write_scaled(&mut text, nano, 9);
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, expected) in [
            ("3", Some(3_000_000)),
            ("0.075", Some(75_000)),
            ("0.0028", Some(2_800)),
            ("10.00", Some(10_000_000)),
            ("0.0000004", Some(0)),
            ("0.0000005", Some(1)),
            ("18446744073709", Some(18_446_744_073_709_000_000)),
            ("18446744073710", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(scaled(text, 6), expected, "{text}");
        }
        assert_eq!(scaled("0.000321", 9), Some(321_000));
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1.2.3", " 1", "NaN", "１"] {
            assert_eq!(scaled(text, 6), None, "{text}");
        }
    }

    #[test]
    fn no_nano_dollar_is_lost() {
        for (nano, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (100_000_000, "0.1"),
            (10_000_000_000, "10"),
            (10_500_000_020, "10.50000002"),
            (u64::MAX, "18446744073.709551615"),
        ] {
            assert_eq!((usd(nano).as_str(), scaled(text, 9)), (text, Some(nano)));
        }
    }
}
