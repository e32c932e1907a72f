//! A table for a terminal.

use super::columns::{self, Column, Value};
use super::groups::{Groups, Sort};
use super::numbers::{dollars, needed_decimals, thousands, time};
use super::totals::Totals;
use super::visible::{columns as width, visible};

/// The longest name that is shown as a whole; CSV and HTML have longer ones.
const LONGEST: usize = 40;
const GAP: &str = "  ";

/// A table with aligned columns, a row for each group and one for all.
pub(crate) fn table(groups: &Groups, sort: Sort) -> String {
    let columns = columns::shown(&groups.total);
    let names = groups.by.len();
    let mut cells: Vec<Vec<String>> = Vec::new();
    let blank = std::iter::repeat_n(String::new(), names);
    cells.push(blank.chain(group_titles(&columns)).collect());
    let titles = groups.by.iter().map(|dimension| dimension.name()).chain(columns.iter().map(|column| column.title));
    cells.push(titles.map(str::to_owned).collect());

    let rows = groups.rows(sort);
    let decimals =
        rows.iter().map(|(_, totals)| needed_decimals(totals.cost)).chain([needed_decimals(groups.total.cost)]);
    let decimals = decimals.max().unwrap_or(0).max(2);
    let figures =
        |totals: &Totals| columns.iter().map(|column| cell((column.value)(totals), decimals)).collect::<Vec<_>>();
    for (parts, totals) in &rows {
        cells.push(parts.iter().map(|part| shortened(&part.to_string())).chain(figures(totals)).collect());
    }
    if let Some(rest) = &groups.rest {
        cells.push(groups.rest_names().map(str::to_owned).chain(figures(rest)).collect());
    }
    let total = (0..names).map(|index| if index == 0 { "total" } else { "" }.to_owned());
    cells.push(total.chain(figures(&groups.total)).collect());
    aligned(&cells, names)
}

/// The group of each column, above the first of it.
fn group_titles(columns: &[&Column]) -> impl Iterator<Item = String> {
    columns.iter().enumerate().map(|(index, column)| {
        let first = index == 0 || columns[index - 1].group != column.group;
        if first { column.group.to_owned() } else { String::new() }
    })
}

fn cell(value: Value, decimals: usize) -> String {
    match value {
        Value::Count(count) => thousands(count),
        Value::Cost(Some(nano)) => dollars(nano, decimals),
        Value::Cost(None) => "unknown".to_owned(),
        Value::Time(Some(micros)) => time(micros),
        Value::Time(None) => "–".to_owned(),
    }
}

fn shortened(name: &str) -> String {
    let name = visible(name);
    if width(&name) <= LONGEST {
        return name.into_owned();
    }
    let mut out = String::new();
    for c in name.chars() {
        out.push(c);
        if width(&out) >= LONGEST {
            out.pop();
            break;
        }
    }
    out + "…"
}

/// Names to the left, figures to the right; two lines of titles, a rule, the rows, a rule, the sum.
fn aligned(cells: &[Vec<String>], names: usize) -> String {
    let count = cells.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..count).map(|at| cells.iter().map(|row| width(&row[at])).max().unwrap_or(0)).collect();
    let rule = "─".repeat(widths.iter().sum::<usize>() + GAP.len() * count.saturating_sub(1)) + "\n";
    let mut out = String::new();
    for (index, row) in cells.iter().enumerate() {
        if index == 2 || index + 1 == cells.len() && cells.len() > 3 {
            out.push_str(&rule);
        }
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let space = " ".repeat(widths[at] - width(cell));
            let gap = if at == 0 { "" } else { GAP };
            line.push_str(&if at < names { format!("{gap}{cell}{space}") } else { format!("{gap}{space}{cell}") });
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::entry::Entry;
    use super::super::groups::Dimension;
    use super::*;

    #[test]
    fn columns_are_aligned_and_names_cannot_break_them() {
        let mut groups = Groups::new(&[Dimension::Key, Dimension::Model], 10);
        for (key, cost) in [("\"a\\u001b[2J\"", "\"1234.5\""), ("\"模型\"", "null"), ("null", "\"0.000000001\"")] {
            let line = format!(
                r#"{{"id":"","time":"2026-11-30T12:00:00Z","key":{key},"model":"{}","outcome":"complete","cost_usd":{cost},"duration_ms":1234}}"#,
                "m".repeat(50)
            );
            groups.add(&Entry::read(line.as_bytes()).unwrap());
        }
        let expected = "
                                                            tokens                         cost           duration          first byte
key     model                                     requests  prompt  completion              USD  unknown       p50     p99         p50  p99
───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
a�[2J   mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm…         1       0           0  1,234.500000000        0    1.23 s  1.23 s           –    –
模型    mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm…         1       0           0          unknown        1    1.23 s  1.23 s           –    –
(none)  mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm…         1       0           0      0.000000001        0    1.23 s  1.23 s           –    –
───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
total                                                    3       0           0  1,234.500000001        1    1.23 s  1.23 s           –    –
";
        let expected = expected.trim_start_matches('\n');
        let shown = table(&groups, Sort::Name);
        assert_eq!(shown, expected);
    }
}
