use std::cell::RefCell;

use ::tracing::Span;
use ::tracing::field::Empty;

use crate::chat::ChatRequest;
use crate::meter::guard::MAX_TEXT;
use crate::meter::reason::short;

/// A span that is open.
#[derive(Clone, Debug)]
pub(super) struct Open(Span);

thread_local! {
    /// The span of the request that this thread is at: other layers may have opened spans of their own in it.
    static HERE: RefCell<Option<Span>> = const { RefCell::new(None) };
}

impl Open {
    /// What is known of the request goes into the span when it is made: samplers look at it, and the name cannot be
    /// changed later in every subscriber.
    pub(super) fn new(chat: &ChatRequest) -> Self {
        let model = &*short(chat.model(), MAX_TEXT);
        Self(::tracing::info_span!(
            target: "tower_completions::meter",
            "chat",
            otel.name = format_args!("chat {model}"),
            otel.kind = "client",
            otel.status_code = Empty,
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = Empty,
            gen_ai.request.model = model,
            gen_ai.request.stream = chat.stream(),
            gen_ai.response.model = Empty,
            gen_ai.response.finish_reasons = Empty,
            gen_ai.response.time_to_first_chunk = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.cache_read.input_tokens = Empty,
            gen_ai.usage.cache_creation.input_tokens = Empty,
            gen_ai.usage.audio.input_tokens = Empty,
            gen_ai.usage.reasoning.output_tokens = Empty,
            gen_ai.usage.audio.output_tokens = Empty,
            error.type = Empty,
            http.response.status_code = Empty,
            completions.id = Empty,
            completions.key = Empty,
            completions.outcome = Empty,
            completions.served_model = Empty,
            completions.usage_source = Empty,
            completions.attempts = Empty,
            completions.cost_usd = Empty,
        ))
    }

    /// Does something in the span.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.0.enter();
        let _back = Back(HERE.try_with(|here| here.replace(Some(self.0.clone()))).ok().flatten());
        work()
    }
}

/// The span of the request that this thread is at.
pub(super) fn here() -> Option<Span> {
    HERE.try_with(|here| here.borrow().clone()).ok().flatten()
}

/// Puts back what was there before, also when something panics.
struct Back(Option<Span>);

impl Drop for Back {
    fn drop(&mut self) {
        let before = self.0.take();
        let _gone = HERE.try_with(|here| here.replace(before));
    }
}
