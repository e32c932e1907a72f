use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::guard::Guard;
use crate::chat::Tap;
use crate::usage::UsageCell;

pin_project! {
    /// A body with what was reserved for it: the end, an error and being dropped settle it, and give its permit back.
    pub struct LimitBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        // Nothing was reserved.
        Free { #[pin] body: B },
        // In this order: when both are dropped, the body says what it knows before that is settled.
        Held { #[pin] body: Tap<B>, guard: Option<Box<Guard>>, by_decoder: bool },
    }
}

impl<B> LimitBody<B> {
    /// A body that nothing was reserved for.
    pub(super) fn free(body: B) -> Self {
        Self { kind: Kind::Free { body } }
    }

    /// Takes the reservation into the body of an answer; an error settles it at once.
    pub(super) fn hold(response: Response<B>, mut guard: Box<Guard>) -> Response<Self> {
        let by_decoder = response.extensions().get::<UsageCell>().is_some();
        if !response.status().is_success() {
            guard.answered(&response);
            return response.map(Self::free);
        }
        let response = Tap::install(response);
        guard.answered(&response);
        response.map(|body| Self { kind: Kind::Held { body, guard: Some(guard), by_decoder } })
    }
}

impl<B: Body<Data = Bytes>> Body for LimitBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let (mut body, guard, by_decoder) = match self.project().kind.project() {
            KindProj::Free { body } => return body.poll_frame(cx),
            KindProj::Held { body, guard, by_decoder } => (body, guard, *by_decoder),
        };
        let frame = ready!(body.as_mut().poll_frame(cx));
        // hyper does not ask again once the announced length has been sent. And a decoder that has the whole answer may
        // wait a little for the end of the provider's body, for which the client does not have to wait.
        let is_over = !matches!(frame, Some(Ok(_)))
            || body.is_end_stream()
            || (by_decoder && guard.as_deref().is_some_and(Guard::is_complete));
        if is_over {
            drop(guard.take());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Free { body } => body.is_end_stream(),
            Kind::Held { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Free { body } => body.size_hint(),
            Kind::Held { body, .. } => body.size_hint(),
        }
    }
}

impl<B: fmt::Debug> fmt::Debug for LimitBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: &dyn fmt::Debug = match &self.kind {
            Kind::Free { body } => body,
            Kind::Held { body, .. } => body,
        };
        f.debug_tuple("LimitBody").field(body).finish()
    }
}
