//! A page that needs nothing but itself: no script, no network, and no word of a name is taken for HTML.

mod chart;
mod escape;
mod periods;
mod table;

use std::fmt::Write;

use crate::entry::Outcome;
use crate::groups::Sort;
use crate::numbers::{compact, dollars, dollars_short, percent, round_time, thousands, time};
use crate::report::{Overview, Report};
use crate::totals::Totals;
use chart::{Chart, Series};
use escape::Escaped;
use periods::{Period, Periods};

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
            charts(&mut out, &Periods::new(&overview.days));
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
        "<li>Times are in UTC. p50 and p99 are right to 1 %, and leave refused requests out. \
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
    tile("Cost", &total.known_cost().map_or("unknown".to_owned(), dollars_short), &exact);
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

/// The requests along time.
fn charts(out: &mut String, periods: &Periods) {
    let series = |name, class, value: fn(&Totals) -> Option<f64>| Series {
        name,
        class,
        values: periods.all.iter().map(|period| value(&period.totals)).collect(),
    };
    let in_dollars = |nano: f64| format!("${}", compact(nano / 1e9));
    let count = |value: f64| thousands(value as u128);
    let in_time = |micros: f64| time(micros as u64);
    let time_axis = |micros: f64| round_time(micros as u64);
    let names: Vec<_> = periods.all.iter().map(|Period { short, long, .. }| (short.as_str(), long.as_str())).collect();
    let mut card = |title: &str, axis: fn(f64) -> String, say: fn(f64) -> String, bars: bool, series: Vec<Series>| {
        let title = format!("{title} by {}", periods.unit);
        let chart = Chart { title: &title, periods: names.clone(), series, axis, say }.without_empty();
        let _ = write!(out, "<section class=\"card\"><h2>{title}</h2>");
        if bars {
            chart.bars(out)
        } else {
            chart.lines(out)
        }
        chart.table(out, periods.unit);
        out.push_str("</section>\n");
    };
    card(
        "Cost",
        in_dollars,
        |nano| dollars_short(nano as u128),
        true,
        vec![series("cost", "a", |totals| totals.known_cost().map(|nano| nano as f64))],
    );
    card(
        "Requests",
        compact,
        count,
        true,
        vec![
            series("complete", "a", |totals| Some(totals.outcome(Outcome::Complete) as f64)),
            series("aborted", "grey", |totals| Some(totals.outcome(Outcome::Aborted) as f64)),
            series("other", "b2", |totals| Some(totals.outcome(Outcome::Other) as f64)),
            series("refused", "amber", |totals| Some(totals.outcome(Outcome::Refused) as f64)),
            series("failed", "red", |totals| Some(totals.outcome(Outcome::Failed) as f64)),
        ],
    );
    card(
        "Tokens",
        compact,
        count,
        true,
        vec![
            series("prompt", "a", |totals| Some(totals.prompt.saturating_sub(totals.cached) as f64)),
            series("cached prompt", "a2", |totals| Some(totals.cached as f64)),
            series("completion", "b", |totals| Some(totals.completion.saturating_sub(totals.reasoning) as f64)),
            series("reasoning", "b2", |totals| Some(totals.reasoning as f64)),
        ],
    );
    card(
        "Times",
        in_time,
        in_time,
        false,
        vec![
            series("end, p99", "b", |totals| totals.duration.quantile(99).map(|micros| micros as f64)),
            series("end, p50", "b2", |totals| totals.duration.quantile(50).map(|micros| micros as f64)),
            series("first byte, p99", "a", |totals| totals.first_byte.quantile(99).map(|micros| micros as f64)),
            series("first byte, p50", "a2", |totals| totals.first_byte.quantile(50).map(|micros| micros as f64)),
        ],
    );
}

/// Who, and what.
fn rankings(out: &mut String, overview: &Overview) {
    for (title, groups) in [("Callers", &overview.keys), ("Models", &overview.models)] {
        let _ = write!(out, "<section class=\"card\"><h2>{title}</h2><div class=\"scroll\">");
        table::ranking(out, groups);
        out.push_str("</div></section>\n");
    }
}
