use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::guard::Guard;
use super::leftover::{Leftover, read_body};
use super::meter::Settling;
use crate::chat::Tap;
use crate::error::{ApiError, BoxError};

pin_project! {
    /// A body with an open receipt: its end, an error and being dropped write it, before the last frame is handed on.
    pub struct MeterBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        // The receipt is written.
        Free { #[pin] body: B },
        // In this order: when both are dropped, the body says what it knows before the receipt is written.
        Held { #[pin] body: Tap<B>, guard: Guard },
        // The provider is read on after the client has left.
        Drained { left: Leftover<Tap<B>> },
    }
}

impl<B> MeterBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// Takes the receipt into the body of an answer, unless everything is known of it already, as it is of an error.
    pub(super) fn hold(response: Response<B>, mut guard: Guard) -> (Response<Self>, Option<Settling>) {
        if !response.status().is_success() {
            guard.answered(&response, true);
            let settling = guard.arrived(&response);
            return (response.map(|body| Self { kind: Kind::Free { body } }), settling);
        }
        let response = guard.watch(response);
        let settling = guard.arrived(&response);
        let response = response.map(|body| {
            let kind = match guard.drain() {
                Some(_) => Kind::Drained { left: Leftover::new(body, guard, read_body::<B>) },
                None => Kind::Held { body, guard },
            };
            Self { kind }
        });
        (response, settling)
    }
}

/// A frame is there, or the end. `is_last` says whether nothing will follow it.
fn note<E: Into<BoxError>>(
    frame: Option<Result<Frame<Bytes>, E>>,
    is_last: bool,
    guard: &mut Guard,
) -> Option<Result<Frame<Bytes>, BoxError>> {
    let frame = frame.map(|frame| frame.map_err(Into::into));
    match &frame {
        Some(Err(error)) => guard.failed(&ApiError::from_error(&**error)),
        None => guard.ended(),
        // hyper does not ask again once the announced length has been sent. And a decoder that has the whole answer may
        // wait a little for the end of the provider's body, for which the client does not have to wait.
        Some(Ok(_)) => guard.framed(is_last),
    }
    frame
}

impl<B> Body for MeterBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            KindProj::Free { body } => body.poll_frame(cx).map_err(Into::into),
            KindProj::Held { mut body, guard } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                Poll::Ready(note(frame, body.is_end_stream(), guard))
            }
            KindProj::Drained { left } => {
                let Some((body, guard)) = left.parts() else { return Poll::Ready(None) };
                let frame = ready!(body.as_mut().poll_frame(cx));
                Poll::Ready(note(frame, body.is_end_stream(), guard))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Free { body } => body.is_end_stream(),
            Kind::Held { body, .. } => body.is_end_stream(),
            Kind::Drained { left, .. } => left.get().is_none_or(Body::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Free { body } => body.size_hint(),
            Kind::Held { body, .. } => body.size_hint(),
            Kind::Drained { left, .. } => left.get().map_or(SizeHint::with_exact(0), Body::size_hint),
        }
    }
}

impl<B> fmt::Debug for MeterBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeterBody").finish_non_exhaustive()
    }
}
