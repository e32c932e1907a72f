//! A page that needs nothing but itself: no script, no network, and no word of a name is taken for HTML.

mod chart;
mod escape;
mod periods;
mod table;
mod timeline;

use std::fmt::Write;

use super::entry::Outcome;
use super::groups::Sort;
use super::numbers::{compact, dollars, percent, thousands, time};
use super::report::{Overview, Report};
use super::totals::Totals;
use escape::Escaped;
use periods::Periods;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(crate) fn page(report: &Report, sort: Sort) -> String {
    let mut out = String::with_capacity(64 << 10);
    let when = when(report);
    // Should ever a name get out of its place, the policy stops it: nothing is run or loaded here.
    let _ = write!(
        out,
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>Usage, {when}</title>
<style>
{STYLE}</style>
</head>
<body>
<header><h1>Usage</h1><p>{when}</p></header>
<main>
"#
    );
    let total = &report.table.total;
    if total.requests == 0 {
        out.push_str("<p class=\"none\">There is no request in these logs, or none that was asked for.</p>\n");
    } else {
        tiles(&mut out, total);
        if let Some(overview) = &report.overview {
            timeline::charts(&mut out, &Periods::new(&overview.days));
            rankings(&mut out, overview);
        }
        let titles: Vec<_> = report.table.by.iter().map(|dimension| dimension.title()).collect();
        let titles = titles.join(", ");
        let _ = write!(
            out,
            "<section class=\"card wide\"><h2 id=\"all\">By {titles}</h2><div class=\"scroll\" role=\"region\" aria-labelledby=\"all\" tabindex=\"0\">"
        );
        table::full(&mut out, &report.table, sort);
        out.push_str("</div></section>\n");
    }
    out.push_str("</main>\n<footer><ul>");
    for note in report.notes.lines(report) {
        let _ = write!(out, "<li>{}</li>", Escaped(&note));
    }
    out.push_str(
        "<li>Times are in UTC. p50 and p99 are right to 1.5 %, and leave refused requests out. \
         Cached tokens are part of the prompt, reasoning is part of the completion.</li></ul></footer>\n</body>\n</html>\n",
    );
    out
}

/// The time from the first to the last request.
fn when(report: &Report) -> String {
    match report.span {
        None => "no requests".to_owned(),
        Some((first, last)) if first.day() == last.day() => {
            format!("{}, {} to {} UTC", first.day().long(), first.clock(), last.clock())
        }
        Some((first, last)) => format!("{} to {}", first.day().long(), last.day().long()),
    }
}

/// The figures that somebody looks for first.
fn tiles(out: &mut String, total: &Totals) {
    let mut tile = |title: &str, figure: &str, beside: &str| {
        let _ = writeln!(out, r#"<div class="tile"><h2>{title}</h2><p>{figure}</p><small>{beside}</small></div>"#);
    };
    let exact = match total.unpriced {
        0 => format!("exactly ${}", dollars(total.cost, 2)),
        1 => "1 request has an unknown cost".to_owned(),
        many => format!("{} requests have an unknown cost", thousands(many.into())),
    };
    let ended = |outcome: Outcome| total.outcome(outcome);
    tile("Cost", &table::cost(total), &exact);
    tile(
        "Requests",
        &thousands(total.requests.into()),
        &format!("{} complete", percent(ended(Outcome::Complete), total.requests)),
    );
    let parts = format!("{} in, {} out", compact(total.prompt as f64), compact(total.completion as f64));
    tile("Tokens", &compact(total.tokens() as f64), &parts);
    let others = format!(
        "{} aborted, {} refused",
        thousands(ended(Outcome::Aborted).into()),
        thousands(ended(Outcome::Refused).into())
    );
    tile("Failed", &percent(ended(Outcome::Failed), total.requests), &others);
    let shown = |micros: Option<u64>| micros.map_or("–".to_owned(), time);
    let p99 = format!("p99 {}", shown(total.duration.quantile(99)));
    tile("Median duration", &shown(total.duration.quantile(50)), &p99);
    let p99 = format!("p99 {}", shown(total.first_byte.quantile(99)));
    tile("Median first byte", &shown(total.first_byte.quantile(50)), &p99);
}

/// Who, and what.
fn rankings(out: &mut String, overview: &Overview) {
    for (title, groups) in [("Callers", &overview.keys), ("Models", &overview.models)] {
        let _ = write!(out, "<section class=\"card\"><h2>{title}</h2><div class=\"scroll\">");
        table::ranking(out, groups);
        out.push_str("</div></section>\n");
    }
}
