//! Money as text.

use crate::auth::Budget;

/// Nano-dollars as a decimal number of US dollars, exact and without needless zeros: `10`, `0.000000001`.
pub(super) fn usd(nano: u64) -> String {
    let (whole, rest) = (nano / Budget::NANO_USD, nano % Budget::NANO_USD);
    match rest {
        0 => whole.to_string(),
        _ => format!("{whole}.{rest:09}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(usd(nano), text);
        }
    }
}
