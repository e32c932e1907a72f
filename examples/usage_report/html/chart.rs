//! Charts: SVG that is stretched to any width, with the words around it in HTML so that they keep their size.

use std::fmt::Write;

use super::escape::Escaped;

/// How wide a period is drawn, and how high a chart is, in units of its own.
const SLOT: f64 = 10.0;
const HEIGHT: f64 = 100.0;
/// So few periods are drawn as wide as if there were this many: one bar need not be a wall.
const MIN_SLOTS: usize = 8;
/// How many dates stand below a chart at most.
const DATES: usize = 5;

/// What is drawn over time.
pub(super) struct Chart<'a> {
    pub(super) title: String,
    /// The short and the long name of each period.
    pub(super) periods: Vec<(&'a str, &'a str)>,
    pub(super) series: Vec<Series>,
    /// How a value is written at the axis, and how in a sentence.
    pub(super) axis: fn(f64) -> String,
    pub(super) say: fn(f64) -> String,
    /// What is said where there is no value.
    pub(super) none: &'static str,
}

/// One value for each period; nothing where there is none.
pub(super) struct Series {
    pub(super) name: &'static str,
    /// The colour, as a class of the style sheet.
    pub(super) class: &'static str,
    pub(super) values: Vec<Option<f64>>,
}

impl Chart<'_> {
    /// Without the series that have nothing to show.
    pub(super) fn without_empty(mut self) -> Self {
        let is_any = |series: &Series| series.values.iter().flatten().any(|value| *value > 0.0);
        if self.series.iter().any(is_any) {
            self.series.retain(is_any);
        } else {
            self.series.truncate(1);
        }
        self
    }

    /// Bars, each series upon the one before.
    pub(super) fn bars(&self, out: &mut String) {
        let sum = |at: usize| self.series.iter().filter_map(|series| series.values[at]).sum::<f64>();
        let highest = (0..self.periods.len()).map(sum).fold(0.0, f64::max);
        let (step, top) = scale(highest);
        let ticks = (0..).map(|tick| f64::from(tick) * step).take_while(|value| *value <= top * 1.001);
        self.frame(out, ticks.map(|value| (value / top, (self.axis)(value))).collect(), |out, at, x| {
            let mut bottom = HEIGHT;
            for series in &self.series {
                let height = series.values[at].unwrap_or(0.0) / top * HEIGHT;
                if height > 0.0 {
                    bottom -= height;
                    let (x, width) = (x + SLOT * 0.14, SLOT * 0.72);
                    let _ = write!(
                        out,
                        r#"<rect class="{}" x="{x:.2}" y="{bottom:.2}" width="{width:.2}" height="{height:.2}"/>"#,
                        series.class
                    );
                }
            }
        });
    }

    /// Lines over a logarithmic scale, since times differ by orders of magnitude.
    pub(super) fn lines(&self, out: &mut String) {
        let values = || self.series.iter().flat_map(|series| series.values.iter().flatten().copied());
        let decade = |value: f64| value.max(1.0).log10();
        let low = values().map(decade).fold(f64::INFINITY, f64::min).floor();
        let high = values().map(decade).fold(0.0, f64::max).ceil();
        let low = if low.is_finite() { low.min(high - 1.0).max(0.0) } else { 0.0 };
        let high = high.max(low + 1.0);
        let part = |value: f64| (decade(value) - low) / (high - low);
        let ticks = (low as i32..=high as i32).map(|tick| 10_f64.powi(tick));
        let ticks = ticks.map(|value| (part(value), (self.axis)(value))).collect();
        self.frame(out, ticks, |out, at, x| {
            for series in &self.series {
                let point =
                    |at: usize| series.values.get(at).copied().flatten().map(|value| HEIGHT * (1.0 - part(value)));
                let Some(y) = point(at) else { continue };
                let x = x + SLOT / 2.0;
                if let Some(before) = at.checked_sub(1).and_then(point) {
                    let _ = write!(
                        out,
                        r#"<path class="line {}" d="M{:.2} {before:.2}L{x:.2} {y:.2}"/>"#,
                        series.class,
                        x - SLOT
                    );
                }
                // A line of no length has round ends, and stays round however the chart is stretched.
                let _ = write!(out, r#"<path class="dot {}" d="M{x:.2} {y:.2}h0"/>"#, series.class);
            }
        });
    }

    /// The same figures, for those who do not see them drawn, or who want to know exactly.
    pub(super) fn table(&self, out: &mut String, unit: &str) {
        out.push_str(r#"<details><summary>As a table</summary><div class="scroll"><table><thead><tr>"#);
        for title in [unit].into_iter().chain(self.series.iter().map(|series| series.name)) {
            let _ = write!(out, r#"<th scope="col">{title}</th>"#);
        }
        out.push_str("</tr></thead><tbody>");
        for (at, (_, long)) in self.periods.iter().enumerate() {
            let _ = write!(out, r#"<tr><th scope="row">{long}</th>"#);
            for series in &self.series {
                let _ = write!(out, "<td>{}</td>", series.values[at].map_or(self.none.to_owned(), self.say));
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table></div></details>");
    }

    /// All but the marks: a legend, the axes, and for each period what it holds, in words.
    fn frame(&self, out: &mut String, ticks: Vec<(f64, String)>, mut marks: impl FnMut(&mut String, usize, f64)) {
        if self.series.len() > 1 {
            out.push_str(r#"<ul class="legend">"#);
            for series in &self.series {
                let _ = write!(out, r#"<li><i class="{}"></i>{}</li>"#, series.class, series.name);
            }
            out.push_str("</ul>");
        }
        let slots = self.periods.len().max(MIN_SLOTS);
        let left = (slots - self.periods.len()) as f64 / 2.0;
        out.push_str(r#"<div class="chart"><div class="axis" aria-hidden="true">"#);
        for (part, label) in &ticks {
            let _ = write!(out, r#"<span style="bottom:{:.1}%">{label}</span>"#, part * 100.0);
        }
        let width = slots as f64 * SLOT;
        let _ = write!(
            out,
            r#"</div><svg viewBox="0 0 {width} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{}. The same figures are in the table below.">"#,
            Escaped(&self.title)
        );
        for (part, _) in &ticks {
            let _ = write!(out, r#"<path class="grid" d="M0 {:.2}H{width}"/>"#, HEIGHT * (1.0 - part));
        }
        for (at, (_, long)) in self.periods.iter().enumerate() {
            let x = (left + at as f64) * SLOT;
            let _ = write!(out, "<g><title>{long}");
            for series in &self.series {
                if let Some(value) = series.values[at] {
                    let name = if self.series.len() > 1 { format!("{}: ", series.name) } else { String::new() };
                    let _ = write!(out, "\n{name}{}", (self.say)(value));
                }
            }
            let _ = write!(out, r#"</title><rect class="slot" x="{x:.2}" y="0" width="{SLOT}" height="{HEIGHT}"/>"#);
            marks(out, at, x);
            out.push_str("</g>");
        }
        out.push_str(r#"</svg><div class="dates" aria-hidden="true">"#);
        for at in dated(self.periods.len()) {
            let middle = (left + at as f64 + 0.5) / slots as f64 * 100.0;
            let _ = write!(out, r#"<span style="--at:{middle:.1}%">{}</span>"#, self.periods[at].0);
        }
        out.push_str("</div></div>");
    }
}

/// A round step, and a whole number of steps that reach this high.
fn scale(highest: f64) -> (f64, f64) {
    if highest <= 0.0 {
        return (1.0, 1.0);
    }
    let unit = 10_f64.powf((highest / 4.0).log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].map(|digit| digit * unit).into_iter().find(|step| step * 4.0 >= highest * 0.9999);
    let step = step.unwrap_or(10.0 * unit);
    (step, (highest / step * 0.9999).ceil() * step)
}

/// Which periods have their date below the chart: the first, the last, and some between, as evenly as it goes.
fn dated(periods: usize) -> Vec<usize> {
    if periods <= DATES {
        return (0..periods).collect();
    }
    (0..DATES).map(|date| (date * (periods - 1) + (DATES - 1) / 2) / (DATES - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: Vec<Option<f64>>, bars: bool) -> String {
        let series = Series { name: "cost", class: "a", values };
        let names: Vec<String> = (1..=series.values.len()).map(|day| format!("{day} Nov")).collect();
        let chart = Chart {
            title: "Cost <by> day".to_owned(),
            periods: names.iter().map(|name| (name.as_str(), name.as_str())).collect(),
            series: vec![series],
            axis: |value| format!("${value}"),
            say: |value| format!("{value} dollars"),
            none: "–",
        };
        let mut out = String::new();
        if bars {
            chart.bars(&mut out)
        } else {
            chart.lines(&mut out)
        }
        out
    }

    #[test]
    fn steps_are_round_and_reach_the_highest() {
        for (highest, expected) in [
            (0.0, (1.0, 1.0)),
            (1.0, (0.25, 1.0)),
            (7.0, (2.0, 8.0)),
            (99.0, (25.0, 100.0)),
            (100.0, (25.0, 100.0)),
            (1_100.0, (500.0, 1_500.0)),
        ] {
            assert_eq!(scale(highest), expected, "{highest}");
        }
        let (step, top) = scale(0.000_000_003);
        assert!(step > 0.0 && (0.000_000_003..0.000_000_005).contains(&top));
    }

    #[test]
    fn dates_are_few_and_end_with_the_last() {
        assert_eq!(dated(3), [0, 1, 2]);
        assert_eq!(dated(30), [0, 7, 15, 22, 29]);
    }

    #[test]
    fn a_bar_is_as_high_as_its_value_and_says_it() {
        let out = drawn(vec![Some(50.0), None, Some(100.0)], true);
        assert!(out.contains(r#"y="50.00" width="7.20" height="50.00""#), "{out}");
        assert!(out.contains("<title>3 Nov\n100 dollars</title>"), "{out}");
        assert_eq!(out.matches("class=\"a\"").count(), 2, "{out}");
        assert!(out.contains("Cost &lt;by&gt; day"), "{out}");
    }

    #[test]
    fn a_line_has_a_gap_where_nothing_was_measured() {
        let out = drawn(vec![Some(10.0), Some(100.0), None, Some(1000.0)], false);
        assert_eq!((out.matches("class=\"line").count(), out.matches("class=\"dot").count()), (1, 3), "{out}");
        assert!(out.contains(">$10<") && out.contains(">$1000<"), "{out}");
        drawn(vec![None, None], false);
        drawn(vec![], true);
    }
}
