use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::tail::Tail;
use crate::body::ResponseBody;
use crate::error::{ApiError, BoxError};
use crate::media_type;

pin_project! {
    /// An answer on its way out of the border.
    ///
    /// If a stream fails between two events, its last event is the error, in OpenAI's form and without `[DONE]`. Inside an event,
    /// or in an answer that is not streamed, nothing can be said any more: the connection breaks off, so that the answer
    /// does not look whole.
    #[derive(Debug)]
    pub struct ChatBody<B> {
        #[pin]
        inner: B,
        events: Option<Tail>,
        over: bool,
    }
}

impl<B> ChatBody<B> {
    pub(super) fn wrap(response: Response<B>) -> Response<ResponseBody<Self>> {
        let content_type = response.headers().get(CONTENT_TYPE);
        let is_stream = content_type.is_some_and(|value| media_type::is(value, media_type::EVENTS));
        response.map(|inner| ResponseBody::inner(Self { inner, events: is_stream.then(Tail::default), over: false }))
    }
}

impl<B> Body for ChatBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if *this.over {
            return Poll::Ready(None);
        }
        let frame = ready!(this.inner.poll_frame(cx));
        *this.over = !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame.map(|frame| match (frame, this.events) {
            (Ok(frame), events) => {
                if let (Some(tail), Some(data)) = (events, frame.data_ref()) {
                    tail.push(data);
                }
                Ok(frame)
            }
            (Err(error), Some(tail)) if tail.is_between_events() => {
                Ok(Frame::data(ApiError::from_box(error.into()).to_event()))
            }
            (Err(error), _) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
