//! An end in order: whoever still waits when the time is up is told why.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::sync::watch;
use tower::{Layer, Service};
use tower_completions::{ApiError, BoxError, UsageCell};

/// Ends what is in progress with `server_shutdown` once the channel says so. The border makes an event of it, and whoever
/// counts outside of this learns of it.
#[derive(Clone)]
pub(crate) struct DrainLayer {
    cut: watch::Receiver<bool>,
}

impl DrainLayer {
    pub(crate) fn new(cut: watch::Receiver<bool>) -> Self {
        Self { cut }
    }
}

impl<S> Layer<S> for DrainLayer {
    type Service = Drain<S>;

    fn layer(&self, inner: S) -> Drain<S> {
        Drain { inner, cut: self.cut.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Drain<S> {
    inner: S,
    cut: watch::Receiver<bool>,
}

impl<S, R, B> Service<Request<R>> for Drain<S>
where
    S: Service<Request<R>, Response = Response<B>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<DrainBody<B>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        ResponseFuture { inner: self.inner.call(request), cut: Some(Cut::new(self.cut.clone())) }
    }
}

/// The moment at which nothing is waited for any more.
struct Cut {
    channel: watch::Receiver<bool>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Who is woken when it has come.
    waker: Waker,
}

impl Cut {
    fn new(channel: watch::Receiver<bool>) -> Self {
        Self { channel, waiting: None, waker: Waker::noop().clone() }
    }

    /// Whether it has come. The channel is of one value that changes once.
    fn has_come(&self) -> bool {
        !matches!(self.channel.has_changed(), Ok(false)) && *self.channel.borrow()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_come() {
            return Poll::Ready(());
        }
        if self.waiting.is_some() && self.waker.will_wake(cx.waker()) {
            return Poll::Pending;
        }
        self.waker.clone_from(cx.waker());
        let waiting = self.waiting.get_or_insert_with(|| {
            let mut channel = self.channel.clone();
            Box::pin(async move {
                if channel.wait_for(|cut| *cut).await.is_err() {
                    std::future::pending().await
                }
            })
        });
        waiting.as_mut().poll(cx)
    }
}

pin_project! {
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        inner: F,
        cut: Option<Cut>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<DrainBody<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(answer) = this.inner.poll(cx) {
            return Poll::Ready(answer.map(|response| DrainBody::wrap(response, this.cut.take())).map_err(Into::into));
        }
        if let Some(cut) = this.cut {
            ready!(cut.poll(cx));
        }
        Poll::Ready(Err(ApiError::shutting_down().into()))
    }
}

pin_project! {
    pub(crate) struct DrainBody<B> {
        // `None` once it was cut off.
        #[pin]
        inner: Option<B>,
        cut: Option<Cut>,
        cell: Option<UsageCell>,
    }
}

impl<B> DrainBody<B> {
    fn wrap(response: Response<B>, cut: Option<Cut>) -> Response<Self> {
        let cell = response.extensions().get().cloned();
        response.map(|inner| Self { inner: Some(inner), cut, cell })
    }
}

impl<B> Body for DrainBody<B>
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
        let Some(cut) = this.cut else { return polled.map_err(Into::into) };
        match polled {
            // What never pauses is cut off, too.
            Poll::Ready(Some(Ok(_))) if cut.has_come() => {}
            Poll::Ready(frame) => return Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            Poll::Pending => ready!(cut.poll(cx)),
        }
        this.inner.set(None);
        if this.cell.as_ref().is_some_and(UsageCell::is_complete) {
            return Poll::Ready(None);
        }
        let error = ApiError::shutting_down();
        if let Some(cell) = this.cell {
            cell.record(|seen| seen.fail(&error));
        }
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
