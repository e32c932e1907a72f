//! The requests along time, as charts.

use std::fmt::Write;

use super::super::entry::Outcome;
use super::super::numbers::{compact, dollars_short, round_time, thousands, time};
use super::super::totals::Totals;
use super::chart::{Chart, Series};
use super::periods::{Period, Periods};

/// What a value is taken from, for each period; nothing where nothing is known.
type Figure = fn(&Totals) -> Option<f64>;

pub(super) fn charts(out: &mut String, periods: &Periods) {
    let unpriced: u64 = periods.all.iter().map(|period| period.totals.unpriced).sum();
    let note = match unpriced {
        0 => String::new(),
        1 => "without 1 request whose cost is unknown".to_owned(),
        many => format!("without {} requests whose cost is unknown", thousands(many.into())),
    };
    let cost = chart(periods, &[("cost", "a", |totals| totals.known_cost().map(|nano| nano as f64))]);
    let cost = Chart {
        axis: |nano| format!("${}", compact(nano / 1e9)),
        say: |nano| dollars_short(nano as u128),
        none: "unknown",
        ..cost
    };
    card(out, "Cost", &note, periods.unit, cost, |chart, out| chart.bars(out));

    let ended = chart(
        periods,
        &[
            ("complete", "a", |totals| Some(totals.outcome(Outcome::Complete) as f64)),
            ("aborted", "grey", |totals| Some(totals.outcome(Outcome::Aborted) as f64)),
            ("other", "b2", |totals| Some(totals.outcome(Outcome::Other) as f64)),
            ("refused", "amber", |totals| Some(totals.outcome(Outcome::Refused) as f64)),
            ("failed", "red", |totals| Some(totals.outcome(Outcome::Failed) as f64)),
        ],
    );
    card(out, "Requests", "", periods.unit, ended, |chart, out| chart.bars(out));

    let tokens = chart(
        periods,
        &[
            ("prompt", "a", |totals| Some(totals.prompt.saturating_sub(totals.cached) as f64)),
            ("cached prompt", "a2", |totals| Some(totals.cached as f64)),
            ("completion", "b", |totals| Some(totals.completion.saturating_sub(totals.reasoning) as f64)),
            ("reasoning", "b2", |totals| Some(totals.reasoning as f64)),
        ],
    );
    card(out, "Tokens", "", periods.unit, tokens, |chart, out| chart.bars(out));

    let times = chart(
        periods,
        &[
            ("end, p99", "b", |totals| totals.duration.quantile(99).map(|micros| micros as f64)),
            ("end, p50", "b2", |totals| totals.duration.quantile(50).map(|micros| micros as f64)),
            ("first byte, p99", "a", |totals| totals.first_byte.quantile(99).map(|micros| micros as f64)),
            ("first byte, p50", "a2", |totals| totals.first_byte.quantile(50).map(|micros| micros as f64)),
        ],
    );
    let times = Chart { axis: |micros| round_time(micros as u64), say: |micros| time(micros as u64), ..times };
    card(out, "Times", "", periods.unit, times, |chart, out| chart.lines(out));
}

/// A chart of counts.
fn chart<'a>(periods: &'a Periods, series: &[(&'static str, &'static str, Figure)]) -> Chart<'a> {
    let series = series.iter().map(|&(name, class, figure)| {
        let values = periods.all.iter().map(|period| figure(&period.totals)).collect();
        Series { name, class, values }
    });
    let names = periods.all.iter().map(|Period { short, long, .. }| (short.as_str(), long.as_str()));
    Chart {
        title: String::new(),
        periods: names.collect(),
        series: series.collect(),
        axis: compact,
        say: |count| thousands(count as u128),
        none: "–",
    }
}

fn card(out: &mut String, title: &str, note: &str, unit: &str, chart: Chart<'_>, draw: fn(&Chart<'_>, &mut String)) {
    let title = format!("{title} by {unit}");
    let _ = write!(out, "<section class=\"card\"><h2>{title}</h2>");
    if !note.is_empty() {
        let _ = write!(out, "<p class=\"note\">{note}</p>");
    }
    let chart = Chart { title, ..chart }.without_empty();
    draw(&chart, out);
    chart.table(out, unit);
    out.push_str("</section>\n");
}
