use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::pool::Trial;
use crate::error::BoxError;
use crate::route::boxed::BoxBody;
use crate::usage::UsageCell;

pin_project! {
    /// The body of a target's answer: the target is busy with it until its end, an error, or until it is dropped.
    pub struct TargetBody {
        // In this order: when both are dropped, the body says what it knows before the target is free.
        #[pin]
        body: BoxBody,
        watch: Option<Watch>,
    }
}

struct Watch {
    trial: Trial,
    cell: Option<UsageCell>,
}

impl TargetBody {
    /// Watches over the body of a success.
    pub(super) fn watch(response: Response<BoxBody>, trial: Trial) -> Response<Self> {
        let cell = response.extensions().get::<UsageCell>().cloned();
        response.map(|body| Self { body, watch: Some(Watch { trial, cell }) })
    }

    /// A body that nobody is busy with.
    pub(super) fn free(response: Response<BoxBody>) -> Response<Self> {
        response.map(|body| Self { body, watch: None })
    }
}

impl Watch {
    fn is_complete(&self) -> bool {
        self.cell.as_ref().is_some_and(UsageCell::is_complete)
    }

    fn end(self, broke: bool) {
        let has_failed = self.cell.as_ref().is_some_and(|cell| cell.observed().failure.is_some());
        self.trial.ended(!broke && !has_failed);
    }
}

impl Body for TargetBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        let broke = matches!(frame, Some(Err(_)));
        // hyper does not ask again once the announced length has been sent.
        let is_over = broke || frame.is_none() || this.body.is_end_stream();
        if let Some(watch) = this.watch.take_if(|watch| is_over || watch.is_complete()) {
            watch.end(broke);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for TargetBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetBody").finish_non_exhaustive()
    }
}
