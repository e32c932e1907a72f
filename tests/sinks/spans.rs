//! Spans, as OpenTelemetry's own exporter has them.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::BodyExt;
use opentelemetry::trace::{SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tower::ServiceExt;
use tower_completions::meter::span::SpanSink;
use tower_completions::mock::{Answer, Mock};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{STREAM, STREAM_WITH_USAGE, ask, post, send};
use crate::{locked, spanned, stack};

/// A subscriber that hands spans to OpenTelemetry, for this thread.
pub(crate) fn exporter() -> (InMemorySpanExporter, tracing::subscriber::DefaultGuard) {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    (exporter, tracing::subscriber::set_default(tracing_subscriber::registry().with(layer)))
}

fn chats(exporter: &InMemorySpanExporter) -> Vec<SpanData> {
    let spans = exporter.get_finished_spans().unwrap();
    spans.into_iter().filter(|span| span.name.starts_with("chat")).collect()
}

/// The attributes that conventions name, and ours, without those of the bridge.
fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    let all = span.attributes.iter().map(|entry| (entry.key.to_string(), entry.value.to_string()));
    let ours = ["gen_ai.", "error.", "http.", "completions."];
    all.filter(|(name, _)| ours.iter().any(|prefix| name.starts_with(prefix))).collect()
}

#[tokio::test]
async fn a_span_says_what_the_conventions_say() {
    let (exporter, _guard) = exporter();
    let mock = Mock::openai();
    mock.always(Answer::text("Hi").usage(11, 7));
    let service = locked("sk-alice", spanned(&mock, SpanSink::new()));
    let mut request = post(ask(STREAM_WITH_USAGE));
    request.headers_mut().insert("authorization", "Bearer sk-alice".parse().unwrap());
    let answer = send(&service, request).await;
    assert!(answer.status.is_success());

    let spans = chats(&exporter);
    let [span] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((&*span.name, &span.span_kind, &span.status), ("chat m", &SpanKind::Client, &Status::Unset));
    let mut attributes = attributes(span);
    for (name, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "m"),
        ("gen_ai.request.stream", "true"),
        ("gen_ai.response.finish_reasons", "[\"stop\"]"),
        ("gen_ai.usage.input_tokens", "11"),
        ("gen_ai.usage.output_tokens", "7"),
        ("http.response.status_code", "200"),
        ("completions.key", "alice"),
        ("completions.outcome", "complete"),
        ("completions.served_model", "m"),
        ("completions.usage_source", "reported"),
        ("completions.attempts", "1"),
        ("completions.cost_usd", "0.000025"),
        ("completions.id", answer.header("x-request-id").unwrap()),
    ] {
        assert_eq!(attributes.remove(name).as_deref(), Some(value), "{name}");
    }
    let first: f64 = attributes.remove("gen_ai.response.time_to_first_chunk").unwrap().parse().unwrap();
    assert!(first >= 0.0 && attributes.remove("gen_ai.response.model").is_some());
    assert!(attributes.is_empty(), "{attributes:?}");
}

#[tokio::test]
async fn failures_are_errors_and_refusals_have_no_tokens() {
    let (exporter, _guard) = exporter();
    let mock = Mock::openai();
    let service = spanned(&mock, SpanSink::new());
    mock.answer(Answer::error(500));
    send(&service, post(ask(""))).await;
    send(&service, post(ask("").replace(r#""m""#, r#""no such model""#))).await;
    send(&service, post("{")).await;

    let spans = chats(&exporter);
    let [failed, unknown] = spans.as_slice() else { panic!("what is no chat has none: {spans:?}") };
    assert_eq!((&*failed.name, &*unknown.name), ("chat m", "chat no such model"));
    let error = |span: &SpanData| attributes(span).get("error.type").cloned();
    assert_eq!(error(failed).as_deref(), Some("upstream_error"));
    assert_eq!(error(unknown).as_deref(), Some("model_not_found"));
    assert!(matches!(failed.status, Status::Error { .. }) && matches!(unknown.status, Status::Error { .. }));
    assert!(!attributes(unknown).keys().any(|name| name.starts_with("gen_ai.usage")));
}

#[tokio::test]
async fn a_span_ends_with_its_body_wherever_that_is_dropped() {
    let (exporter, _guard) = exporter();
    let mock = Mock::openai();
    mock.answer(Answer::text("A long story").stall_after(400));
    let service = spanned(&mock, SpanSink::new());
    let response = service.clone().oneshot(post(ask(STREAM))).await.unwrap();
    let mut body = response.into_body();
    let first: Bytes = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(!first.is_empty() && chats(&exporter).is_empty(), "it is open");
    drop(body);
    let spans = chats(&exporter);
    assert_eq!(attributes(&spans[0])["completions.outcome"], "aborted");
    // The future is dropped before there is an answer.
    mock.answer(Answer::text("Hi").delay_head(std::time::Duration::from_secs(60)));
    let mut waiting = tokio_test::task::spawn(service.oneshot(post(ask(""))));
    assert!(waiting.poll().is_pending());
    drop(waiting);
    assert_eq!(attributes(&chats(&exporter)[1])["http.response.status_code"], "499");
}

#[tokio::test]
async fn without_a_layer_there_is_an_event() {
    let (exporter, _guard) = exporter();
    let mock = Mock::openai();
    let outer = tracing::info_span!("host");
    let entered = outer.enter();
    send(&stack(&mock, SpanSink::new()), post(ask(""))).await;
    drop(entered);
    drop(outer);
    let spans = exporter.get_finished_spans().unwrap();
    let [host] = spans.as_slice() else { panic!("{spans:?}") };
    let event = &host.events.events[0];
    let said: BTreeMap<_, _> = event.attributes.iter().map(|e| (e.key.to_string(), e.value.to_string())).collect();
    assert_eq!((&*said["gen_ai.request.model"], &*said["completions.outcome"]), ("m", "complete"));
}
