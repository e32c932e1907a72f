//! What nobody may ever read in a ledger: planted, and looked for in everything that every sink puts out.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use metrics::with_local_recorder;
use tower::ServiceExt;
use tower_completions::meter::log::{LogOptions, UsageLog};
use tower_completions::meter::metrics::MetricsSink;
use tower_completions::meter::span::SpanSink;
use tower_completions::meter::{Receipt, Tee, Totals, channel};
use tower_completions::mock::{Answer, Mock};
use tracing_subscriber::layer::SubscriberExt;

use crate::metrics::Exported;
use crate::support::{STREAM, UPSTREAM_KEY, post, send};
use crate::{Folder, locked, spanned};

const CLIENT_KEY: &str = "sk-client-planted";
const PROMPT: &str = "planted prompt text";
const ANSWER: &str = "planted answer text";
const ARGUMENT: &str = "planted argument";

/// Writes down every field of every span and event.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

impl tracing::field::Visit for Everything {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Everything {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: tracing_subscriber::layer::Context<'_, S>,
    ) {
        attributes.record(&mut self.clone());
    }

    fn on_record(
        &self,
        _: &tracing::span::Id,
        values: &tracing::span::Record<'_>,
        _: tracing_subscriber::layer::Context<'_, S>,
    ) {
        values.record(&mut self.clone());
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

#[test]
fn no_sink_says_a_secret_or_a_word_of_a_prompt() {
    let folder = Folder::new();
    let spans = Everything::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    let exported = Exported::new();
    let recorder = exported.recorder();

    let log = UsageLog::open(folder.log(), LogOptions::new()).unwrap();
    let totals = Totals::new();
    let (sink, mut receipts) = channel(1000);
    let sinks = Tee::new().and(log.clone()).and(totals.clone()).and(sink).and(MetricsSink::new()).and(SpanSink::new());
    let mock = Mock::openai();
    let service = locked(CLIENT_KEY, spanned(&mock, sinks));

    let mut out = String::new();
    let requests = async {
        for stream in ["", STREAM] {
            for answer in [
                Answer::text(ANSWER),
                Answer::text(ANSWER).usage(5, 5),
                Answer::tool_call("look", serde_json::json!({"where": ARGUMENT})),
                Answer::text(ANSWER).cut_after(150),
                // Providers that repeat what they got.
                Answer::json(
                    401,
                    format_args!(r#"{{"error":{{"message":"bad key {UPSTREAM_KEY}","code":"{UPSTREAM_KEY}"}}}}"#),
                ),
                Answer::json(400, format_args!(r#"{{"error":{{"message":"{PROMPT}","type":"x","code":null}}}}"#)),
                Answer::raw(502, "text/html", PROMPT),
                Answer::sse(format!(
                    "data: {{\"error\":{{\"message\":\"{PROMPT}\",\"code\":\"{UPSTREAM_KEY}\"}}}}\n\n"
                )),
                Answer::refuse(),
            ] {
                mock.answer(answer);
                let body = format!(
                    r#"{{"model":"m","messages":[{{"role":"user","content":"{PROMPT}"}}],
                        "tools":[{{"type":"function","function":{{"name":"look","description":"{PROMPT}"}}}}]{stream}}}"#
                );
                let mut request = post(body);
                request.headers_mut().insert("authorization", format!("Bearer {CLIENT_KEY}").parse().unwrap());
                send(&service, request).await;
            }
            // A client that leaves.
            mock.answer(Answer::text(ANSWER));
            let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{PROMPT}"}}]{stream}}}"#);
            let mut request = post(body);
            request.headers_mut().insert("authorization", format!("Bearer {CLIENT_KEY}").parse().unwrap());
            drop(service.clone().oneshot(request).await);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    with_local_recorder(&recorder, || runtime.block_on(requests));

    let taken: Vec<Receipt> = std::iter::from_fn(|| receipts.try_recv()).collect();
    assert_eq!(taken.len(), 20);
    writeln!(out, "{taken:?} {totals:?} {:?} {log:?} {receipts:?}", totals.snapshot()).unwrap();
    for file in std::fs::read_dir(&folder.0).unwrap() {
        out += &std::fs::read_to_string(file.unwrap().path()).unwrap();
    }
    out += &exported.text();
    out += &spans.0.lock().unwrap();
    assert!(out.contains("alice") && out.contains("gen_ai.usage.input_tokens") && out.contains("gen_ai.token.type"));
    for planted in [CLIENT_KEY, UPSTREAM_KEY, PROMPT, ANSWER, ARGUMENT, "planted"] {
        let at = out.find(planted).map(|at| &out[at.saturating_sub(200)..(at + 50).min(out.len())]);
        assert_eq!(at, None, "{planted}");
    }
}
