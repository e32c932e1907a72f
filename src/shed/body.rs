use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::places::Place;

pin_project! {
    /// A body with its place, which is free again when it ends, fails or is dropped.
    #[derive(Debug)]
    pub struct ShedBody<B> {
        #[pin]
        inner: B,
        place: Option<Place>,
    }
}

impl<B> ShedBody<B> {
    pub(super) fn new(inner: B, place: Option<Place>) -> Self {
        Self { inner, place }
    }
}

impl<B: Body<Data = Bytes>> Body for ShedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        // hyper does not ask again once the announced length has been sent.
        if !matches!(frame, Some(Ok(_))) || this.inner.is_end_stream() {
            *this.place = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
