use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::open::Open;

pin_project! {
    /// The answer that is to come. It is polled, and dropped, in its span.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Option<F>,
        open: Open,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.open.within(|| this.inner.set(None));
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, open: Open) -> Self {
        Self { inner: Some(inner), open }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let open = this.open;
        let response = open.within(|| {
            let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Pending };
            let response = ready!(inner.poll(cx));
            this.inner.set(None);
            Poll::Ready(response)
        });
        response.map(|response| Ok(response?.map(|body| ResponseBody::new(body, open.clone()))))
    }
}
