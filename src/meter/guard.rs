//! A receipt on its way to being written.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body::Body;

use super::drain::Drain;
use super::meter::{Meter, Settling};
use super::reason::{short, short_of};
use super::receipt::Receipt;
use super::request_id::RequestId;
use super::settle::{End, settle};
use crate::auth::Principal;
use crate::chat::{ChatRequest, Tap};
use crate::error::{ApiError, ErrorCode};
use crate::usage::{Answered, Attempts, UsageCell};

static UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// How long the client's name of a model, and a provider's id of a request, may be, in characters.
pub(super) const MAX_TEXT: usize = 256;

/// Writes one receipt, exactly once: at the latest when it is dropped, with what is known by then.
///
/// It lives in the response's future, then in its body, and may end in a [`Drain`](super::Drain).
pub(super) struct Guard {
    /// `None` once the receipt is written.
    open: Option<Box<Open>>,
    /// For the response's `x-request-id`, unless a layer outside sets it.
    shown: Option<RequestId>,
}

/// What is known of a request that is not over.
pub(super) struct Open {
    pub(super) meter: Arc<Meter>,
    /// What is certain already.
    pub(super) receipt: Receipt,
    pub(super) attempts: Attempts,
    /// What the prompt is worth.
    pub(super) prompt: u64,
    /// What the head of the answer said, once there is one.
    pub(super) head: Option<Head>,
    /// When the client left, if the answer is read on nevertheless.
    pub(super) left: Option<Duration>,
}

pub(super) struct Head {
    pub(super) answered: Answered,
    /// Whether the cell is complete only when everything is known.
    by_decoder: bool,
    pub(super) error: Option<ErrorCode>,
}

impl Guard {
    /// Opens the receipt of a request that goes on to the inner service.
    pub(super) fn new(meter: &Arc<Meter>, request: &mut Request<ChatRequest>) -> Self {
        let time = meter.clock.now();
        let known = request.extensions().get::<RequestId>().cloned();
        let shows_id = known.is_none();
        let id = known.unwrap_or_else(|| RequestId::new(request.headers()));
        let attempts = Attempts::of(request.extensions_mut());
        let chat = request.body();
        let mut open = Box::new(Open {
            meter: Arc::clone(meter),
            receipt: Receipt::new(id.take(), time, short_of(chat.model_id(), MAX_TEXT)),
            attempts,
            prompt: chat.estimated_prompt_tokens(),
            head: None,
            left: None,
        });
        open.receipt.key = request.extensions().get::<Principal>().map(|principal| Arc::clone(&principal.id));
        open.receipt.stream = chat.stream();
        open.receipt.tags = meter.tags(request);
        open.receipt.client_request_id = id.client().cloned();
        Self { open: Some(open), shown: shows_id.then_some(id) }
    }

    /// The value of `x-request-id`, if the meter is to set it.
    pub(super) fn shown(&mut self) -> Option<HeaderValue> {
        self.shown.take().map(|id| id.show())
    }

    /// The head of an answer is there.
    pub(super) fn answered<B>(&mut self, response: &Response<B>, by_decoder: bool) {
        let Some(open) = &mut self.open else { return };
        let error = response.extensions().get::<ErrorCode>().cloned();
        open.head = Some(Head { answered: Answered::new(response), by_decoder, error });
        let id = response.headers().get(&UPSTREAM_REQUEST_ID).and_then(|id| id.to_str().ok());
        open.receipt.upstream_request_id = id.map(|id| short(id, MAX_TEXT));
        if open.left.is_none() {
            open.receipt.status = response.status();
            open.receipt.first_byte = Some(open.since());
        }
    }

    /// There is an error in the place of an answer.
    pub(super) fn refused(&mut self, error: &ApiError) -> Option<Settling> {
        let since = self.open.as_ref()?.since();
        self.close_early(End::Failed(error), since)
    }

    /// An answer is there, and if there is nothing left to be known of it, it is over.
    pub(super) fn arrived<B: Body<Data = Bytes>>(&mut self, response: &Response<B>) -> Option<Settling> {
        let is_whole = self.is_complete();
        if !is_whole && response.status().is_success() && !response.body().is_end_stream() {
            return None;
        }
        let open = self.open.as_mut()?;
        let since = open.since();
        if is_whole && open.left.is_none() {
            open.receipt.first_token = Some(since);
        }
        self.close_early(End::Over, since)
    }

    /// The head of a good answer is there, whose body is watched from here on unless somebody does so already.
    #[inline]
    pub(super) fn watch<B>(&mut self, response: Response<B>) -> Response<Tap<B>> {
        let by_decoder = response.extensions().get::<UsageCell>().is_some();
        let response = Tap::install(response);
        self.answered(&response, by_decoder);
        response
    }

    /// A frame of the answer is there, which may be the last one.
    pub(super) fn framed(&mut self, is_last: bool) {
        let is_over = is_last || self.is_complete();
        let Some(open) = &mut self.open else { return };
        let is_first = open.receipt.first_token.is_none() && open.left.is_none();
        if !is_first && !is_over {
            return;
        }
        let since = open.since();
        if is_first {
            open.receipt.first_token = Some(since);
        }
        if is_over {
            self.close_at(End::Over, since);
        }
    }

    /// Whether the answer is complete, so that everything is known before the body has ended.
    pub(super) fn is_complete(&self) -> bool {
        let head = self.open.as_ref().and_then(|open| open.head.as_ref()).filter(|head| head.by_decoder);
        head.and_then(|head| head.answered.cell.as_ref()).is_some_and(UsageCell::is_complete)
    }

    /// The answer is over.
    pub(super) fn ended(&mut self) {
        self.close(End::Over);
    }

    /// There is no answer, or no more of it.
    pub(super) fn failed(&mut self, error: &ApiError) {
        self.close(End::Failed(error));
    }

    /// The client has left, and the answer is read on without it.
    pub(super) fn leave(&mut self) {
        if let Some(open) = &mut self.open {
            open.left = Some(open.since());
        }
    }

    /// Whether any provider is read on after a client has left.
    pub(super) fn may_drain(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.meter.drains.is_empty())
    }

    /// How the provider is read on that is being asked, if it is, and there is something to be read.
    pub(super) fn drain(&self) -> Option<Drain> {
        let open = self.open.as_ref().filter(|open| !open.meter.drains.is_empty())?;
        let cell = open.head.as_ref().and_then(|head| head.answered.cell.as_ref());
        if open.attempts.given_up().is_some() || cell.is_some_and(UsageCell::has_failed) {
            return None;
        }
        let served = open.head.as_ref().and_then(|head| head.answered.served.as_ref());
        let provider = match served {
            Some(served) => Arc::clone(&served.provider),
            None => open.attempts.last_provider()?,
        };
        open.meter.drains.get(&provider).cloned()
    }

    /// The open receipt, which leaves an empty guard behind.
    pub(super) fn take(&mut self) -> Self {
        Self { open: self.open.take(), shown: self.shown.take() }
    }

    fn close(&mut self, end: End<'_>) {
        if let Some(since) = self.open.as_ref().map(|open| open.since()) {
            self.close_at(end, since);
        }
    }

    fn close_at(&mut self, end: End<'_>, since: Duration) {
        if let Some(open) = self.settle(end, since) {
            open.meter.record(&open.receipt);
        }
    }

    /// The same before anything of the answer has been handed on, so that it can wait until the receipt is put away.
    fn close_early(&mut self, end: End<'_>, since: Duration) -> Option<Settling> {
        let open = self.settle(end, since)?;
        Some(open.meter.submit(&open.receipt)).filter(|settling| !settling.is_done())
    }

    fn settle(&mut self, end: End<'_>, since: Duration) -> Option<Box<Open>> {
        let mut open = self.open.take()?;
        settle(&mut open, end, since);
        Some(open)
    }
}

impl Open {
    /// How long ago the request came.
    pub(super) fn since(&self) -> Duration {
        self.meter.clock.now().saturating_sub(self.receipt.time)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(open) = &self.open else { return };
        if std::thread::panicking() {
            return self.close(End::Panicked);
        }
        // Somebody outside may have answered in the place of what is dropped here.
        match open.attempts.given_up().cloned() {
            Some(error) => self.close(End::Failed(&error)),
            None => self.close(End::Left),
        }
    }
}
