//! Prices as people write them, without a detour over binary fractions.

/// How many decimals count: a millionth of a USD for a million tokens is a pico-dollar for one.
const DECIMALS: usize = 6;

/// The largest price: a dollar for a token.
pub(super) const MAX_PICO: u64 = 1_000_000_000_000;

/// Pico-dollars for one token, of USD for a million: digits with at most one point between them. What is smaller than a
/// pico-dollar is rounded half up.
pub(super) fn pico(usd_per_million: &str) -> Option<u64> {
    let (whole, fraction) = usd_per_million.split_once('.').unwrap_or((usd_per_million, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let (kept, rest) = fraction.split_at(fraction.len().min(DECIMALS));
    let kept: u64 = format!("{kept:0<DECIMALS$}").parse().ok()?;
    let round_up = rest.starts_with(|digit: char| digit >= '5');
    let pico = whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(kept + u64::from(round_up))?;
    (pico <= MAX_PICO).then_some(pico)
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
            ("1000000", Some(MAX_PICO)),
            ("1000000.1", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(pico(text), expected, "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1.2.3", " 1", "NaN", "１"] {
            assert_eq!(pico(text), None, "{text}");
        }
    }
}
