//! Metrics, as OpenTelemetry's own exporter has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder,
};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, HistogramDataPoint, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use tower_completions::meter::UsageSink;
use tower_completions::meter::metrics::{
    BUCKETS, MetricsSink, REQUEST_DURATION, TIME_PER_OUTPUT_TOKEN, TIME_TO_FIRST_TOKEN, TOKEN_USAGE,
};
use tower_completions::mock::{Answer, Mock};

use crate::support::{STREAM, ask, post, send};
use crate::{receipt, stack};

/// The facade's recorder over OpenTelemetry's meter: what an exporter of the host's does.
struct Bridge(Meter);

struct Instrument {
    histogram: opentelemetry::metrics::Histogram<f64>,
    attributes: Vec<KeyValue>,
}

impl HistogramFn for Instrument {
    fn record(&self, value: f64) {
        self.histogram.record(value, &self.attributes);
    }
}

impl Recorder for Bridge {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let (_, buckets) = BUCKETS.iter().find(|(name, _)| *name == key.name()).expect("a name of the conventions");
        let histogram = self.0.f64_histogram(key.name().to_owned()).with_boundaries(buckets.to_vec()).build();
        let attributes = key.labels().map(|label| KeyValue::new(label.key().to_owned(), label.value().to_owned()));
        Histogram::from_arc(Arc::new(Instrument { histogram, attributes: attributes.collect() }))
    }
}

pub(crate) struct Exported {
    exporter: InMemoryMetricExporter,
    provider: SdkMeterProvider,
}

/// A point of a histogram: its attributes, how often, how much, and its boundaries.
type Point = (BTreeMap<String, String>, u64, f64, Vec<f64>);

impl Exported {
    pub(crate) fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let provider =
            SdkMeterProvider::builder().with_reader(PeriodicReader::builder(exporter.clone()).build()).build();
        Self { exporter, provider }
    }

    pub(crate) fn recorder(&self) -> impl Recorder + use<> {
        Bridge(self.provider.meter("test"))
    }

    pub(crate) fn points(&self, name: &str) -> Vec<Point> {
        self.provider.force_flush().unwrap();
        let all = self.exporter.get_finished_metrics().unwrap();
        let metrics = all.last().unwrap().scope_metrics().flat_map(|scope| scope.metrics());
        let mut points = Vec::new();
        for metric in metrics.filter(|metric| metric.name() == name) {
            let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() else { panic!("{metric:?}") };
            points.extend(histogram.data_points().map(point));
        }
        points.sort_by(|a, b| a.0.cmp(&b.0));
        points
    }

    /// Everything, as text.
    pub(crate) fn text(&self) -> String {
        self.provider.force_flush().unwrap();
        format!("{:?}", self.exporter.get_finished_metrics().unwrap())
    }
}

fn point(point: &HistogramDataPoint<f64>) -> Point {
    let attributes = point.attributes().map(|entry| (entry.key.to_string(), entry.value.to_string())).collect();
    (attributes, point.count(), point.sum(), point.bounds().collect())
}

fn of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn histograms_have_the_names_attributes_and_buckets_of_the_conventions() {
    let exported = Exported::new();
    let recorder = exported.recorder();
    let mock = Mock::openai();
    mock.always(Answer::text("Hi").usage(11, 7));
    let requests = async {
        let service = stack(&mock, MetricsSink::new());
        send(&service, post(ask(STREAM))).await;
        send(&service, post(ask(""))).await;
        mock.answer(Answer::error(500));
        send(&service, post(ask(""))).await;
        for at in 0..5 {
            send(&service, post(ask("").replace(r#""m""#, &format!(r#""stranger {at}""#)))).await;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    with_local_recorder(&recorder, || runtime.block_on(requests));

    let model = exported.points(TIME_TO_FIRST_TOKEN)[0].0["gen_ai.response.model"].clone();
    let good = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "m"),
        ("gen_ai.response.model", &*model),
    ];
    let with = |more: &[(&str, &str)]| of(&[&good, more].concat());

    let tokens = exported.points(TOKEN_USAGE);
    let tokens: Vec<_> = tokens.iter().map(|(attributes, count, sum, _)| (attributes.clone(), *count, *sum)).collect();
    let input = (with(&[("gen_ai.token.type", "input")]), 2, 22.0);
    let output = (with(&[("gen_ai.token.type", "output")]), 2, 14.0);
    assert_eq!(tokens, [input, output]);

    let durations = exported.points(REQUEST_DURATION);
    let counts: Vec<_> = durations.iter().map(|(attributes, count, _, _)| (attributes.clone(), *count)).collect();
    let served = [&good[..3], &[("gen_ai.response.model", "m"), ("error.type", "upstream_error")]].concat();
    let other = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "_OTHER"),
        ("gen_ai.request.model", "_OTHER"),
        ("error.type", "model_not_found"),
    ];
    for expected in [(with(&[]), 2), (of(&served), 1), (of(&other), 5)] {
        assert!(counts.contains(&expected), "{expected:?} of {counts:?}");
    }
    assert_eq!(counts.len(), 3);

    for (name, buckets) in BUCKETS {
        for (_, _, _, bounds) in exported.points(name) {
            assert_eq!(bounds, buckets, "{name}");
        }
    }
    let only = |name| {
        let points = exported.points(name);
        (points.len(), points[0].0.clone(), points[0].1)
    };
    assert_eq!(only(TIME_TO_FIRST_TOKEN), (1, with(&[]), 1), "streams alone have one");
    assert_eq!(only(TIME_PER_OUTPUT_TOKEN), (1, with(&[]), 1));
}

#[test]
fn names_without_end_are_a_bounded_number_of_series() {
    let exported = Exported::new();
    let recorder = exported.recorder();
    let sink = MetricsSink::with_capacity(10);
    with_local_recorder(&recorder, || {
        for at in 0..500 {
            // Whoever serves anything, and a provider that names itself anew each time.
            let mut receipt = receipt(at.to_string());
            receipt.model = format!("asked {at}").into();
            receipt.upstream_model = Some(format!("answered {at}").into());
            receipt.reason = Some(format!("reason {at}").into());
            sink.record(&receipt);
        }
    });
    let points = exported.points(REQUEST_DURATION);
    assert!(points.len() <= 12, "{}", points.len());
    assert_eq!(points.iter().map(|point| point.1).sum::<u64>(), 500, "none is left out");
}
