use ::tracing::{Level, Span, event};

use super::open;
use crate::decimal::usd;
use crate::json::write_str;
use crate::meter::receipt::{Outcome, Receipt};
use crate::meter::sink::UsageSink;
use crate::usage::UsageSource;

/// Writes what a receipt says into the span of its request. See the [module](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanSink {
    _settings: (),
}

impl SpanSink {
    /// Writes into the span of a [`SpanLayer`](super::SpanLayer) around the meter, or an event where there is none.
    pub fn new() -> Self {
        Self::default()
    }
}

/// What both a span and an event say.
struct Said<'a> {
    receipt: &'a Receipt,
    status: Option<&'static str>,
    error: Option<&'a str>,
    answered: Option<&'a str>,
    finish: Option<String>,
    first_chunk: Option<f64>,
    has_usage: bool,
    cost: Option<String>,
}

impl<'a> Said<'a> {
    fn new(receipt: &'a Receipt) -> Self {
        let failed = receipt.outcome != Outcome::Complete;
        Self {
            receipt,
            status: failed.then_some("ERROR"),
            error: failed.then(|| receipt.reason.as_deref().unwrap_or(receipt.outcome.as_str())),
            answered: receipt.upstream_model.as_deref().or(receipt.served_model.as_deref()),
            finish: receipt.finish_reason.as_deref().map(array),
            first_chunk: receipt.first_token.filter(|_| receipt.stream).map(|time| time.as_secs_f64()),
            has_usage: receipt.usage_source != UsageSource::None,
            cost: receipt.cost.map(usd),
        }
    }

    /// Tokens, if there are any of their kind.
    fn tokens(&self, tokens: u64) -> Option<u64> {
        (self.has_usage && tokens > 0).then_some(tokens)
    }

    fn record(&self, span: &Span) {
        let (receipt, usage) = (self.receipt, &self.receipt.usage);
        span.record("otel.status_code", self.status);
        span.record("gen_ai.provider.name", receipt.provider.as_deref());
        span.record("gen_ai.response.model", self.answered);
        span.record("gen_ai.response.finish_reasons", self.finish.as_deref());
        span.record("gen_ai.response.time_to_first_chunk", self.first_chunk);
        span.record("gen_ai.usage.input_tokens", self.has_usage.then(|| usage.prompt_tokens()));
        span.record("gen_ai.usage.output_tokens", self.has_usage.then(|| usage.completion_tokens()));
        span.record("gen_ai.usage.cache_read.input_tokens", self.tokens(usage.cache_read));
        span.record("gen_ai.usage.cache_creation.input_tokens", self.tokens(usage.cache_write_tokens()));
        span.record("gen_ai.usage.audio.input_tokens", self.tokens(usage.input_audio));
        span.record("gen_ai.usage.reasoning.output_tokens", self.tokens(usage.reasoning));
        span.record("gen_ai.usage.audio.output_tokens", self.tokens(usage.output_audio));
        span.record("error.type", self.error);
        span.record("http.response.status_code", receipt.status.as_u16());
        span.record("completions.id", &*receipt.id);
        span.record("completions.key", receipt.key.as_deref());
        span.record("completions.outcome", receipt.outcome.as_str());
        span.record("completions.served_model", receipt.served_model.as_deref());
        span.record("completions.usage_source", receipt.usage_source.as_str());
        span.record("completions.attempts", receipt.tries.len());
        span.record("completions.cost_usd", self.cost.as_deref());
    }

    fn event(&self) {
        let (receipt, usage) = (self.receipt, &self.receipt.usage);
        event!(
            target: "tower_completions::meter",
            Level::INFO,
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = receipt.provider.as_deref(),
            gen_ai.request.model = &*receipt.model,
            gen_ai.request.stream = receipt.stream,
            gen_ai.response.model = self.answered,
            gen_ai.response.finish_reasons = self.finish.as_deref(),
            gen_ai.response.time_to_first_chunk = self.first_chunk,
            gen_ai.usage.input_tokens = self.has_usage.then(|| usage.prompt_tokens()),
            gen_ai.usage.output_tokens = self.has_usage.then(|| usage.completion_tokens()),
            gen_ai.usage.cache_read.input_tokens = self.tokens(usage.cache_read),
            gen_ai.usage.cache_creation.input_tokens = self.tokens(usage.cache_write_tokens()),
            gen_ai.usage.audio.input_tokens = self.tokens(usage.input_audio),
            gen_ai.usage.reasoning.output_tokens = self.tokens(usage.reasoning),
            gen_ai.usage.audio.output_tokens = self.tokens(usage.output_audio),
            error.type = self.error,
            http.response.status_code = receipt.status.as_u16(),
            completions.id = &*receipt.id,
            completions.key = receipt.key.as_deref(),
            completions.outcome = receipt.outcome.as_str(),
            completions.served_model = receipt.served_model.as_deref(),
            completions.usage_source = receipt.usage_source.as_str(),
            completions.attempts = receipt.tries.len(),
            completions.cost_usd = self.cost.as_deref(),
        );
    }
}

/// A JSON array of one string.
fn array(text: &str) -> String {
    let mut array = vec![b'['];
    write_str(&mut array, text);
    array.push(b']');
    String::from_utf8(array).unwrap_or_default()
}

impl UsageSink for SpanSink {
    fn record(&self, receipt: &Receipt) {
        match open::here() {
            // Nobody listens.
            Some(span) if span.is_disabled() => {}
            Some(span) => Said::new(receipt).record(&span),
            None if ::tracing::enabled!(target: "tower_completions::meter", Level::INFO) => Said::new(receipt).event(),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn tokens_are_told_if_there_are_any_and_somebody_counted() {
        let mut receipt = Receipt::new("r", Duration::ZERO, "m");
        for (source, tokens, told) in [
            (UsageSource::Reported, 5, Some(5)),
            (UsageSource::Estimated, 1, Some(1)),
            (UsageSource::Reported, 0, None),
            (UsageSource::None, 5, None),
        ] {
            receipt.usage_source = source;
            assert_eq!(Said::new(&receipt).tokens(tokens), told);
        }
        assert_eq!(array("a\"b"), r#"["a\"b"]"#);
    }
}
