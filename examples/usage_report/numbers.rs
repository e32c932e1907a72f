//! Numbers for people.

/// `1,234,567`.
pub(crate) fn thousands(number: u128) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Dollars, exactly, with so many decimals of nine, or as many as it takes: `1,234.5678`.
pub(crate) fn dollars(nano: u128, decimals: usize) -> String {
    let fraction = format!("{:09}", nano % 1_000_000_000);
    let shown = &fraction[..decimals.clamp(needed_decimals(nano), 9)];
    let dot = if shown.is_empty() { "" } else { "." };
    format!("{}{dot}{shown}", thousands(nano / 1_000_000_000))
}

/// How many decimals it takes to show this many nano-dollars exactly.
pub(crate) fn needed_decimals(nano: u128) -> usize {
    let fraction = format!("{:09}", nano % 1_000_000_000);
    fraction.trim_end_matches('0').len()
}

/// Dollars at a glance: whole ones if there are many, cents, or three digits of what is less.
pub(crate) fn dollars_short(nano: u128) -> String {
    const CENT: u128 = 10_000_000;
    if nano >= 10_000_000 * CENT {
        return format!("${}", thousands((nano + 50 * CENT) / (100 * CENT)));
    }
    if nano == 0 || nano >= 100 * CENT {
        let cents = (nano + CENT / 2) / CENT;
        return format!("${}.{:02}", thousands(cents / 100), cents % 100);
    }
    let decimals = (9 - nano.ilog10() as usize + 2).clamp(2, 9);
    format!("${:.decimals$}", nano as f64 / 1e9)
}

/// Three digits: `0.450`, `12.0`, `842`, `1230`.
fn three_digits(number: f64) -> String {
    if number <= 0.0 {
        return "0".to_owned();
    }
    // What is rounded up to the next power of ten has one decimal less.
    let rounded = |magnitude: i32| {
        let unit = 10_f64.powi(magnitude - 2);
        (number / unit).round() * unit
    };
    let magnitude = number.log10().floor() as i32;
    let magnitude = rounded(magnitude).log10().floor().max(f64::from(magnitude)) as i32;
    format!("{:.*}", usize::try_from(2 - magnitude).unwrap_or(0), rounded(magnitude))
}

/// At most three digits: `0.45`, `12`.
fn short(number: f64) -> String {
    let shown = three_digits(number);
    if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.').to_owned() } else { shown }
}

/// `1.2k`, `3.45M`, for axes.
pub(crate) fn compact(number: f64) -> String {
    let (unit, letter) = match number {
        1e12.. => (1e12, "T"),
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e3.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{}{letter}", short(number / unit))
}

/// `12.3 MB`.
pub(crate) fn bytes(number: u64) -> String {
    let compact = compact(number as f64);
    let digits = compact.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    format!("{digits} {}B", &compact[digits.len()..])
}

/// Microseconds as people say them: `842 ms`, `1.23 s`, `3.5 min`.
pub(crate) fn time(micros: u64) -> String {
    let seconds = micros as f64 / 1e6;
    match seconds {
        7200.0.. => format!("{} h", three_digits(seconds / 3600.0)),
        // What would be rounded to 1000 ms is a second.
        120.0.. => format!("{} min", three_digits(seconds / 60.0)),
        0.9995.. => format!("{} s", three_digits(seconds)),
        _ => format!("{} ms", three_digits(seconds * 1000.0)),
    }
}

/// The same for an axis: `1 s`.
pub(crate) fn round_time(micros: u64) -> String {
    let time = time(micros);
    let (digits, unit) = time.split_once(' ').unwrap_or((&time, ""));
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits} {unit}")
}

/// Microseconds as milliseconds, in three digits.
pub(crate) fn millis(micros: u64) -> String {
    short(micros as f64 / 1e3)
}

/// A part of a whole: `0 %`, `0.4 %`, `12 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    match percent {
        0.0 => "0 %".to_owned(),
        ..0.1 => "< 0.1 %".to_owned(),
        ..9.95 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 950.0, 1_500.0, 2e6, 1.25e9].map(compact), ["0", "950", "1.5k", "2M", "1.25G"]);
        assert_eq!([0, 12, 12_345, 300_000_000].map(bytes), ["0 B", "12 B", "12.3 kB", "300 MB"]);
        assert_eq!(
            [(0, 5), (1, 5_000), (1, 100), (1, 3)].map(|(a, b)| percent(a, b)),
            ["0 %", "< 0.1 %", "1.0 %", "33 %"]
        );
    }

    #[test]
    fn money_is_exact() {
        assert_eq!(dollars(1, 2), "0.000000001");
        assert_eq!(dollars(1_234_500_000_000, 2), "1,234.50");
        assert_eq!(dollars(1_234_500_000_000, 9), "1,234.500000000");
        assert_eq!(dollars(2_000_000_000, 0), "2");
        assert_eq!(dollars(u128::from(u64::MAX) * 2, 0), "36,893,488,147.41910323");
    }

    #[test]
    fn money_at_a_glance() {
        for (nano, shown) in [
            (0, "$0.00"),
            (1, "$0.000000001"),
            (321_000, "$0.000321"),
            (12_345_678, "$0.0123"),
            (123_456_789, "$0.123"),
            (1_000_000_000, "$1.00"),
            (1_234_567_890_000, "$1,234.57"),
            (1_234_567_890_000_000, "$1,234,568"),
        ] {
            assert_eq!(dollars_short(nano), shown, "{nano}");
        }
    }

    #[test]
    fn times() {
        for (micros, shown, in_millis) in [
            (0, "0 ms", "0"),
            (450, "0.450 ms", "0.45"),
            (12_345, "12.3 ms", "12.3"),
            (999_499, "999 ms", "999"),
            (999_900, "1.00 s", "1000"),
            (1_234_567, "1.23 s", "1230"),
            (119_000_000, "119 s", "119000"),
            (150_000_000, "2.50 min", "150000"),
            (9_000_000_000, "2.50 h", "9000000"),
        ] {
            assert_eq!((time(micros).as_str(), millis(micros).as_str()), (shown, in_millis));
        }
        assert_eq!([0, 10, 100_000, 1_500_000].map(round_time), ["0 ms", "0.01 ms", "100 ms", "1.5 s"]);
    }
}
