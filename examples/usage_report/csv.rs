//! A table for programs and spreadsheets: RFC 4180, with a header.

use super::columns::{COLUMNS, Value};
use super::groups::{Groups, Part, Sort};
use super::numbers::millis;
use super::totals::Totals;

/// All rows with all columns. There is no row for the sum, which would count twice when somebody adds them up.
///
/// A name that a spreadsheet would take for a formula has an apostrophe before it.
pub(crate) fn table(groups: &Groups, sort: Sort) -> String {
    let names = groups.by.iter().map(|dimension| dimension.name());
    let mut out = names.chain(COLUMNS.iter().map(|column| column.name)).collect::<Vec<_>>().join(",");
    out.push_str("\r\n");
    for (parts, totals) in groups.rows(sort) {
        let names = parts.iter().map(|part| match part {
            Part::None => String::new(),
            part => field(&part.to_string()),
        });
        row(&mut out, names, totals);
    }
    if let Some(rest) = &groups.rest {
        row(&mut out, groups.rest_names().map(str::to_owned), rest);
    }
    out
}

fn row(out: &mut String, names: impl Iterator<Item = String>, totals: &Totals) {
    let figures = COLUMNS.iter().map(|column| figure((column.value)(totals)));
    out.push_str(&names.chain(figures).collect::<Vec<_>>().join(","));
    out.push_str("\r\n");
}

/// What is not known is empty.
fn figure(value: Value) -> String {
    match value {
        Value::Count(count) => count.to_string(),
        Value::Cost(Some(nano)) => format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000),
        Value::Time(Some(micros)) => millis(micros),
        Value::Cost(None) | Value::Time(None) => String::new(),
    }
}

fn field(name: &str) -> String {
    let guard = if looks_like_a_formula(name) { "'" } else { "" };
    if guard.is_empty() && !name.contains([',', '"', '\r', '\n']) {
        return name.to_owned();
    }
    format!("\"{guard}{}\"", name.replace('"', "\"\""))
}

/// What spreadsheets take for a formula, also behind white space and in full width.
fn looks_like_a_formula(name: &str) -> bool {
    let first = name.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    first.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) || name.starts_with(['\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must() {
        for (name, expected) in [
            ("gpt-4o", "gpt-4o"),
            ("a b;c", "a b;c"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(field(name), expected);
        }
    }

    #[test]
    fn no_name_is_a_formula() {
        for name in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n=1", "＝1", "\u{feff}=1"]
        {
            assert_eq!(field(name), format!("\"'{}\"", name.replace('"', "\"\"")), "{name:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_empty_and_money_has_all_its_digits() {
        assert_eq!(figure(Value::Cost(None)), "");
        assert_eq!(figure(Value::Cost(Some(1_000_000_001))), "1.000000001");
        assert_eq!(figure(Value::Time(Some(1_234_567))), "1230");
    }
}
