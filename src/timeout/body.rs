use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::watch::Watch;
use crate::error::{ApiError, BoxError};

pin_project! {
    /// A body that fails, with an [`ApiError`], when it has been silent for too long or has taken too long in all. What it
    /// waited for is let go at once.
    #[derive(Debug)]
    pub struct TimeoutBody<B> {
        // `None` when there is nothing more to be had.
        #[pin]
        inner: Option<B>,
        watch: Option<Watch>,
    }
}

impl<B> TimeoutBody<B> {
    pub(super) fn new(inner: B, watch: Option<Watch>) -> Self {
        Self { inner: Some(inner), watch }
    }
}

impl<B> Body for TimeoutBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let polled = inner.poll_frame(cx);
        let Some(watch) = this.watch else { return polled.map_err(Into::into) };
        let late = match polled {
            Poll::Ready(Some(Ok(frame))) => match watch.came(&frame) {
                Ok(()) => return Poll::Ready(Some(Ok(frame))),
                Err(kind) => kind,
            },
            Poll::Ready(frame) => return Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            Poll::Pending => ready!(watch.poll(cx)),
        };
        let error: ApiError = watch.fail(late);
        this.inner.set(None);
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
