//! Tables of a page.

use std::fmt::Write;

use super::super::columns::{self, Column, Value};
use super::super::groups::{Groups, Sort};
use super::super::numbers::{dollars, dollars_short, needed_decimals, percent, thousands, time};
use super::super::totals::Totals;
use super::escape::Escaped;

/// All rows with the columns that have something in them, and the sum.
pub(super) fn full(out: &mut String, groups: &Groups, sort: Sort) {
    let columns = columns::shown(&groups.total);
    let rows = groups.rows(sort);
    let decimals =
        rows.iter().map(|(_, totals)| needed_decimals(totals.cost)).chain([needed_decimals(groups.total.cost)]);
    let decimals = decimals.max().unwrap_or(0).max(2);
    out.push_str("<table><thead><tr>");
    for dimension in &groups.by {
        let _ = write!(out, r#"<th class="name" scope="col" rowspan="2">{}</th>"#, dimension.title());
    }
    head(out, &columns);
    out.push_str("</tr></thead>\n<tbody>");
    let figures = |out: &mut String, totals: &Totals| {
        columns.iter().for_each(|column| cell(out, (column.value)(totals), decimals));
        out.push_str("</tr>\n");
    };
    for (parts, totals) in rows {
        out.push_str("<tr>");
        parts.iter().for_each(|part| name(out, &part.to_string()));
        figures(out, totals);
    }
    if let Some(rest) = &groups.rest {
        out.push_str("<tr>");
        groups.rest_names().for_each(|title| name(out, title));
        figures(out, rest);
    }
    let _ = write!(out, r#"</tbody><tfoot><tr><th scope="row" colspan="{}">Total</th>"#, groups.by.len());
    figures(out, &groups.total);
    out.push_str("</tfoot></table>");
}

/// Columns of one group have their group above them.
fn head(out: &mut String, columns: &[&Column]) {
    let mut rest = columns;
    let mut below = String::new();
    while let Some(first) = rest.first() {
        let size = rest.iter().take_while(|column| column.group == first.group).count();
        let (group, after) = rest.split_at(size);
        rest = after;
        for column in group {
            if first.group.is_empty() {
                let _ = write!(out, r#"<th scope="col" rowspan="2">{}</th>"#, column.title);
            } else {
                let _ = write!(below, r#"<th scope="col">{}</th>"#, column.title);
            }
        }
        if !first.group.is_empty() {
            let _ = write!(out, r#"<th scope="colgroup" colspan="{size}">{}</th>"#, first.group);
        }
    }
    let _ = write!(out, "</tr><tr>{below}");
}

fn name(out: &mut String, name: &str) {
    let class = if name.chars().count() > 32 { r#" class="long""# } else { "" };
    let _ = write!(out, r#"<th{class} scope="row"><bdi>{}</bdi></th>"#, Escaped(name));
}

fn cell(out: &mut String, value: Value, decimals: usize) {
    let _ = match value {
        Value::Count(0) => write!(out, r#"<td class="zero">0</td>"#),
        Value::Count(count) => write!(out, "<td>{}</td>", thousands(count)),
        Value::Cost(Some(nano)) => write!(out, "<td>{}</td>", dollars(nano, decimals)),
        Value::Cost(None) => write!(out, r#"<td class="zero">unknown</td>"#),
        Value::Time(Some(micros)) => write!(out, "<td>{}</td>", time(micros)),
        Value::Time(None) => write!(out, r#"<td class="zero">–</td>"#),
    };
}

/// How many rows have a bar; the others are one.
const BARS: usize = 10;

/// What most of the money, or of the requests, went into: a chart that is a table.
pub(super) fn ranking(out: &mut String, groups: &Groups) {
    let by_cost = groups.total.cost > 0;
    let rows = groups.rows(if by_cost { Sort::Cost } else { Sort::Requests });
    let size = |totals: &Totals| if by_cost { totals.cost } else { totals.requests.into() };
    let kept = if rows.len() == BARS + 1 { rows.len() } else { rows.len().min(BARS) };
    let mut others = groups.rest.clone().unwrap_or_default();
    rows[kept..].iter().for_each(|(_, totals)| others.merge(totals));
    let sizes = rows[..kept].iter().map(|(_, totals)| size(totals)).chain([size(&others)]);
    let largest = sizes.max().unwrap_or(0).max(1) as f64;
    let _ = write!(
        out,
        r#"<table class="ranking"><thead><tr><th class="name" scope="col">{}</th><td class="bar"></td><th scope="col">Cost</th><th scope="col">Requests</th><th scope="col">Failed</th></tr></thead><tbody>"#,
        groups.by.first().map_or("", |dimension| dimension.title())
    );
    let mut row = |title: &str, totals: &Totals| {
        out.push_str("<tr>");
        name(out, title);
        let width = size(totals) as f64 / largest * 100.0;
        let _ = write!(
            out,
            r#"<td class="bar" aria-hidden="true"><svg viewBox="0 0 100 1" preserveAspectRatio="none"><rect class="a" width="{width:.2}" height="1"/></svg></td><td>{}</td><td>{}</td><td>{}</td></tr>"#,
            cost(totals),
            thousands(totals.requests.into()),
            percent(totals.outcome(super::super::entry::Outcome::Failed), totals.requests),
        );
    };
    for (parts, totals) in &rows[..kept] {
        row(&parts.first().map(ToString::to_string).unwrap_or_default(), totals);
    }
    if others.requests > 0 {
        let count = rows.len() - kept;
        row(&if count > 0 { format!("{count} others") } else { "others".to_owned() }, &others);
    }
    out.push_str("</tbody></table>");
}

/// What is known of a cost, at a glance, and whether there is more.
pub(super) fn cost(totals: &Totals) -> String {
    match (totals.known_cost(), totals.unpriced) {
        (Some(nano), 0) => dollars_short(nano),
        (Some(nano), _) => format!("≥ {}", dollars_short(nano)),
        (None, _) => "unknown".to_owned(),
    }
}
