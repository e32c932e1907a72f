//! What all clones of a meter share.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use http::Request;

use super::drain::Drains;
use super::receipt::Receipt;
use super::recording::Recording;
use super::sink::UsageSink;
use super::tags::{self, Tag};
use crate::chat::ChatRequest;
use crate::clock::{Clock, SystemClock};
use crate::price::PriceBook;

/// What the host says of a request.
pub(super) type HostTags = dyn Fn(&Request<ChatRequest>) -> Vec<Tag> + Send + Sync;

/// The sink and the settings.
#[derive(Clone)]
pub(super) struct Meter {
    sink: Arc<dyn UsageSink>,
    pub(super) prices: PriceBook,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) host_tags: Option<Arc<HostTags>>,
    pub(super) client_tags: bool,
    pub(super) drains: Drains,
    pub(super) panics: Arc<AtomicU64>,
}

impl Meter {
    pub(super) fn new(sink: impl UsageSink) -> Self {
        Self {
            sink: Arc::new(sink),
            prices: PriceBook::new(),
            clock: Arc::new(SystemClock::new()),
            host_tags: None,
            client_tags: true,
            drains: Drains::default(),
            panics: Arc::default(),
        }
    }

    /// Hands a receipt to the sink.
    pub(super) fn record(&self, receipt: &Receipt) {
        self.guarded(|| self.sink.record(receipt));
    }

    /// The same where the answer can wait for it.
    pub(super) fn submit(self: &Arc<Self>, receipt: &Receipt) -> Settling {
        let recording = self.guarded(|| self.sink.submit(receipt)).unwrap_or_default();
        Settling { meter: Arc::clone(self), recording }
    }

    /// The tags of a request.
    pub(super) fn tags(&self, request: &Request<ChatRequest>) -> Arc<[Tag]> {
        let host = self.host_tags.as_ref().and_then(|tags| self.guarded(|| tags(request)));
        tags::tags(host.unwrap_or_default(), request.body(), self.client_tags)
    }

    /// Runs code of the host's, whose panics are its own affair and not the request's.
    fn guarded<T>(&self, code: impl FnOnce() -> T) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(code));
        if result.is_err() {
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
        result.ok()
    }
}

/// A receipt that the sink has, and may not have put away yet.
pub(super) struct Settling {
    meter: Arc<Meter>,
    recording: Recording,
}

impl Settling {
    pub(super) fn is_done(&self) -> bool {
        self.recording.is_done()
    }
}

impl Future for Settling {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { meter, recording } = self.get_mut();
        meter.guarded(|| Pin::new(recording).poll(cx)).unwrap_or(Poll::Ready(()))
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        let recording = std::mem::take(&mut self.recording);
        self.meter.guarded(|| recording.finish());
    }
}
