//! Metrics with the names, attributes and buckets of OpenTelemetry's conventions for generative AI.
//!
//! They go to the recorder of the crate [`metrics`] that the host has installed: Prometheus, OTLP, or another.
//!
//! | metric | unit | what is recorded |
//! |---|---|---|
//! | `gen_ai.client.token.usage` | tokens | of each receipt that has tokens, those that went in and those that came out (`gen_ai.token.type`) |
//! | `gen_ai.server.request.duration` | s | of each receipt, from the request to its end |
//! | `gen_ai.server.time_to_first_token` | s | of each stream that ended well, up to its first frame |
//! | `gen_ai.server.time_per_output_token` | s | of each stream that ended well, the time after that for each token but the first |
//!
//! Their attributes are `gen_ai.operation.name` (`chat`), `gen_ai.provider.name` (the configured name),
//! `gen_ai.request.model`, `gen_ai.response.model`, and of the duration `error.type`, the receipt's reason. They say nothing
//! of callers.
//!
//! No stranger makes them many: a model that was asked for and never served is `_OTHER`, and so is everything beyond
//! [`MetricsSink::with_capacity`] combinations.
//!
//! ```
//! use std::time::Duration;
//! use tower_completions::meter::metrics::{BUCKETS, MetricsSink, describe};
//! use tower_completions::meter::{Receipt, UsageSink};
//!
//! // With metrics-exporter-prometheus: for (name, buckets) in BUCKETS {
//! //     builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)?;
//! // }
//! assert_eq!(BUCKETS.len(), 4);
//! describe();
//! MetricsSink::new().record(&Receipt::new("r-1", Duration::ZERO, "gpt-4o-mini"));
//! ```
//!
//! The conventions are [OpenTelemetry's](https://github.com/open-telemetry/semantic-conventions-genai), whose status is
//! "development": a new version of them may be a new version of this.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::metrics::{Key, Label, Level, Metadata, SharedString, Unit, describe_histogram, with_recorder};

use super::receipt::{Outcome, Receipt};
use super::sink::UsageSink;
use crate::usage::UsageSource;

/// Tokens of a request, in and out.
pub const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
/// How long requests take.
pub const REQUEST_DURATION: &str = "gen_ai.server.request.duration";
/// How long the first token of a stream takes.
pub const TIME_TO_FIRST_TOKEN: &str = "gen_ai.server.time_to_first_token";
/// How long each further token of a stream takes.
pub const TIME_PER_OUTPUT_TOKEN: &str = "gen_ai.server.time_per_output_token";

/// The boundaries of the histograms' buckets, which the conventions name and the host gives to its exporter.
pub const BUCKETS: [(&str, &[f64]); 4] = [
    (
        TOKEN_USAGE,
        &[
            1.0,
            4.0,
            16.0,
            64.0,
            256.0,
            1024.0,
            4096.0,
            16384.0,
            65536.0,
            262_144.0,
            1_048_576.0,
            4_194_304.0,
            16_777_216.0,
            67_108_864.0,
        ],
    ),
    (REQUEST_DURATION, &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]),
    (
        TIME_TO_FIRST_TOKEN,
        &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
    ),
    (TIME_PER_OUTPUT_TOKEN, &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5]),
];

/// Tells the installed recorder what the metrics are, and their units.
pub fn describe() {
    // The crate has no unit for tokens, and "count" is the nearest.
    describe_histogram!(TOKEN_USAGE, Unit::Count, "Number of input and output tokens used.");
    describe_histogram!(REQUEST_DURATION, Unit::Seconds, "Time from the request to the end of its answer.");
    describe_histogram!(TIME_TO_FIRST_TOKEN, Unit::Seconds, "Time to the first token of successful streams.");
    describe_histogram!(
        TIME_PER_OUTPUT_TOKEN,
        Unit::Seconds,
        "Time per output token after the first of successful streams."
    );
}

/// Records the metrics of each receipt. See the [module](self).
///
/// Clones are the same sink.
#[derive(Clone)]
pub struct MetricsSink(Arc<Mutex<Known>>);

struct Known {
    /// The keys of each combination of attributes, made once.
    keys: HashMap<Attributes, Arc<Keys>>,
    /// Names that clients asked for and something served.
    models: HashSet<Arc<str>>,
    most: usize,
}

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Attributes {
    provider: Option<Arc<str>>,
    asked: Option<Arc<str>>,
    answered: Option<Arc<str>>,
    error: Option<Arc<str>>,
}

struct Keys {
    input: Key,
    output: Key,
    duration: Key,
    first_token: Key,
    per_token: Key,
}

/// OpenTelemetry's word for what has no name of its own.
const OTHER: &str = "_OTHER";

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

impl MetricsSink {
    /// At most 1,000 combinations of attributes are told apart.
    pub fn new() -> Self {
        Self::with_capacity(1000)
    }

    /// The same, with another bound.
    pub fn with_capacity(combinations: usize) -> Self {
        Self(Arc::new(Mutex::new(Known { keys: HashMap::new(), models: HashSet::new(), most: combinations })))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MetricsSink {
    fn default() -> Self {
        Self::new()
    }
}

impl Known {
    fn keys(&mut self, receipt: &Receipt) -> Arc<Keys> {
        if receipt.served_model.is_some() && self.models.len() < self.most && !self.models.contains(&receipt.model) {
            self.models.insert(receipt.model.clone());
        }
        let error = match receipt.outcome {
            Outcome::Complete => None,
            outcome => Some(receipt.reason.clone().unwrap_or_else(|| outcome.as_str().into())),
        };
        let attributes = Attributes {
            provider: receipt.provider.clone(),
            asked: self.models.get(&receipt.model).cloned(),
            answered: receipt.upstream_model.clone().or_else(|| receipt.served_model.clone()),
            error,
        };
        if let Some(keys) = self.keys.get(&attributes) {
            return keys.clone();
        }
        // What does not fit says no more than whether it failed: three more at the most.
        let attributes = if self.keys.len() < self.most {
            attributes
        } else {
            let other = |is: bool| is.then(|| Arc::from(OTHER));
            Attributes {
                answered: other(attributes.answered.is_some()),
                error: other(attributes.error.is_some()),
                ..Attributes::default()
            }
        };
        self.keys.entry(attributes).or_insert_with_key(|attributes| Arc::new(Keys::new(attributes))).clone()
    }
}

impl Keys {
    fn new(attributes: &Attributes) -> Self {
        let text = |value: &Option<Arc<str>>| match value {
            Some(value) => SharedString::from(value.clone()),
            None => SharedString::const_str(OTHER),
        };
        let mut labels = vec![
            Label::new("gen_ai.operation.name", "chat"),
            Label::new("gen_ai.provider.name", text(&attributes.provider)),
            Label::new("gen_ai.request.model", text(&attributes.asked)),
        ];
        if attributes.answered.is_some() {
            labels.push(Label::new("gen_ai.response.model", text(&attributes.answered)));
        }
        let key = |name: &'static str, more: Option<Label>| {
            Key::from_parts(name, labels.iter().cloned().chain(more).collect::<Vec<_>>())
        };
        Self {
            input: key(TOKEN_USAGE, Some(Label::new("gen_ai.token.type", "input"))),
            output: key(TOKEN_USAGE, Some(Label::new("gen_ai.token.type", "output"))),
            duration: key(
                REQUEST_DURATION,
                attributes.error.is_some().then(|| Label::new("error.type", text(&attributes.error))),
            ),
            first_token: key(TIME_TO_FIRST_TOKEN, None),
            per_token: key(TIME_PER_OUTPUT_TOKEN, None),
        }
    }
}

impl UsageSink for MetricsSink {
    fn record(&self, receipt: &Receipt) {
        let keys = self.lock().keys(receipt);
        with_recorder(|recorder| {
            let record = |key: &Key, value: f64| recorder.register_histogram(key, &METADATA).record(value);
            if receipt.usage_source != UsageSource::None {
                record(&keys.input, receipt.usage.prompt_tokens() as f64);
                record(&keys.output, receipt.usage.completion_tokens() as f64);
            }
            record(&keys.duration, receipt.duration.as_secs_f64());
            if let Some(first) = receipt.first_token.filter(|_| receipt.stream && receipt.outcome == Outcome::Complete)
            {
                record(&keys.first_token, first.as_secs_f64());
                if let Some(time) = time_per_token(receipt, first) {
                    record(&keys.per_token, time);
                }
            }
        });
    }
}

fn time_per_token(receipt: &Receipt, first: Duration) -> Option<f64> {
    let more = receipt.usage.completion_tokens().saturating_sub(1);
    (more > 0).then(|| receipt.duration.saturating_sub(first).as_secs_f64() / more as f64)
}

impl fmt::Debug for MetricsSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsSink").field("combinations", &self.lock().keys.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(output: u64) -> Receipt {
        let mut receipt = Receipt::new("r", Duration::ZERO, "m");
        receipt.usage.output = output;
        receipt.duration = Duration::from_secs(3);
        receipt
    }

    #[test]
    fn the_time_of_a_token_is_that_of_those_after_the_first() {
        let first = Duration::from_secs(1);
        for (output, time) in [(0, None), (1, None), (2, Some(2.0)), (5, Some(0.5))] {
            assert_eq!(time_per_token(&receipt(output), first), time, "{output}");
        }
    }

    #[test]
    fn what_does_not_fit_says_whether_it_failed() {
        let mut known = Known { keys: HashMap::new(), models: HashSet::new(), most: 1 };
        let mut of = |model: &str, outcome: Outcome| {
            let mut receipt = receipt(1);
            (receipt.upstream_model, receipt.outcome) = (Some(model.into()), outcome);
            let labels: Vec<_> = known.keys(&receipt).duration.labels().map(|label| label.value().to_owned()).collect();
            labels
        };
        let expected = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(of("first", Outcome::Complete), expected(&["chat", OTHER, OTHER, "first"]));
        assert_eq!(of("second", Outcome::Complete), expected(&["chat", OTHER, OTHER, OTHER]));
        assert_eq!(of("second", Outcome::Aborted), expected(&["chat", OTHER, OTHER, OTHER, OTHER]));
        assert_eq!(of("first", Outcome::Complete), expected(&["chat", OTHER, OTHER, "first"]));
    }
}
