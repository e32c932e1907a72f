use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame};

use super::dialect::Decode;
use super::linger::Linger;
use crate::chat::ChunkWriter;
use crate::error::{ApiError, BoxError};
use crate::usage::UsageCell;

/// A streamed answer on its way through a decoder.
///
/// One loop: what has been written goes out, else the provider is polled, decoded, written. No task and no channel, so
/// the client's pace is the provider's, and dropping this body drops the provider's connection.
pub struct AnswerBody<D, B>(Box<Answering<D, B>>);

/// What is large in it, in a box: a body is moved through every layer.
struct Answering<D, B> {
    /// `None` once there is nothing more to be read.
    upstream: Option<Pin<Box<B>>>,
    decoder: D,
    writer: ChunkWriter,
    failure: Option<ApiError>,
    cell: UsageCell,
    linger: Option<Linger>,
}

/// How many more frames of a provider that has ended its answer are thrown away before it is left alone.
const MAX_IGNORED: usize = 4;

impl<D: Decode, B> AnswerBody<D, B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    pub(super) fn new(upstream: Pin<Box<B>>, decoder: D, writer: ChunkWriter, cell: UsageCell) -> Self {
        Self(Box::new(Answering { upstream: Some(upstream), decoder, writer, failure: None, cell, linger: None }))
    }

    /// Waits until there is something to send, or nothing more to come.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_fill(cx)
    }

    /// The failure of an answer that nothing has been sent of yet.
    pub(super) fn early_failure(&mut self) -> Option<ApiError> {
        if self.0.writer.is_empty() { self.0.failure.take() } else { None }
    }
}

impl<D: Decode, B> Answering<D, B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// Waits until there is something to send, or nothing more to come.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.writer.is_empty() && self.failure.is_none() {
            if self.writer.is_ended() {
                return self.poll_linger(cx);
            }
            let Some(upstream) = &mut self.upstream else { return Poll::Ready(()) };
            let read = match ready!(upstream.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(mut data) => self.decoder.stream(data.copy_to_bytes(data.remaining()), &mut self.writer),
                    Err(_trailers) => Ok(()),
                },
                Some(Err(error)) => Err(ApiError::from_box(error.into())),
                None => {
                    self.upstream = None;
                    self.decoder.end(&mut self.writer)
                }
            };
            if let Err(error) = read {
                self.fail(error);
            }
        }
        Poll::Ready(())
    }

    fn fail(&mut self, error: ApiError) {
        self.cell.record(|seen| seen.fail(&error));
        self.failure = Some(error);
        self.upstream = None;
    }

    /// The answer is over: the end of the provider's body is waited for a little.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger.get_or_insert_with(Linger::start);
        for _ in 0..MAX_IGNORED {
            let Some(upstream) = &mut self.upstream else { return Poll::Ready(()) };
            match upstream.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(_ignored))) => {}
                Poll::Ready(Some(Err(_)) | None) => self.upstream = None,
                Poll::Pending => {
                    ready!(linger.poll(cx));
                    self.upstream = None;
                }
            }
        }
        self.upstream = None;
        Poll::Ready(())
    }
}

impl<D, B> Body for AnswerBody<D, B>
where
    D: Decode,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        ready!(self.0.poll_fill(cx));
        let Answering { writer, failure, .. } = &mut *self.0;
        let event = writer.take().or_else(|| failure.take().map(|error| error.to_event()));
        Poll::Ready(event.map(|event| Ok(Frame::data(event))))
    }
}

impl<D, B> fmt::Debug for AnswerBody<D, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").field("writer", &self.0.writer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;
    use std::rc::Rc;
    use std::task::Waker;

    use http_body_util::StreamBody;

    use super::*;
    use crate::chat::{AnswerHead, ChatRequest};
    use crate::translate::{Dialect, OpenAi, OpenAiDecoder};

    type Polled = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

    /// The answer to a stream of these frames, which begins anew when it is over; and how many frames were taken.
    fn endless(
        frames: &'static [&'static str],
    ) -> (AnswerBody<OpenAiDecoder, impl Body<Data = Bytes, Error = Infallible>>, Rc<Cell<usize>>) {
        let taken = Rc::new(Cell::new(0));
        let count = taken.clone();
        let frames = frames.iter().cycle().map(move |frame| {
            count.set(count.get() + 1);
            Ok(Frame::data(Bytes::from_static(frame.as_bytes())))
        });
        let chat = ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user"}],"stream":true}"#).unwrap();
        let (_, decoder) = OpenAi::new("http://h").unwrap().encode(&chat).unwrap();
        let cell = UsageCell::new();
        let writer = ChunkWriter::new(AnswerHead::new(0, String::new), cell.clone(), false);
        (AnswerBody::new(Box::pin(StreamBody::new(tokio_stream::iter(frames))), decoder, writer, cell), taken)
    }

    fn poll<D: Decode, B: Body<Error = Infallible>>(body: &mut AnswerBody<D, B>) -> Polled {
        Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
    }

    fn text(polled: Polled) -> String {
        let Poll::Ready(Some(Ok(frame))) = polled else { panic!("a frame: {polled:?}") };
        String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn one_frame_is_taken_for_each_that_leaves() {
        let (mut body, taken) = endless(&["data: {\"choices\":[]}\n\n"]);
        for at in 1..4 {
            assert_eq!(text(poll(&mut body)), "data: {\"choices\":[]}\n\n");
            assert_eq!(taken.get(), at);
        }
    }

    #[test]
    fn after_the_end_little_more_is_read_and_nothing_is_sent() {
        let (mut body, taken) = endless(&["data: {\"choices\":[]}\n\ndata: [DONE]\n\n", "data: more\n\n"]);
        assert!(text(poll(&mut body)).ends_with("data: [DONE]\n\n"));
        for _ in 0..3 {
            assert!(matches!(poll(&mut body), Poll::Ready(None)));
            assert_eq!(taken.get(), 1 + MAX_IGNORED);
        }
    }

    #[test]
    fn after_a_failure_nothing_more_is_read() {
        let (mut body, taken) = endless(&["data: {\"choices\":[]}\n\n", "data: {\n\n"]);
        assert!(text(poll(&mut body)).starts_with("data: {\"choices"));
        assert!(text(poll(&mut body)).starts_with("data: {\"error"));
        assert!(matches!(poll(&mut body), Poll::Ready(None)));
        assert_eq!((taken.get(), body.0.cell.observed().failure.as_deref()), (2, Some("upstream_error")));
    }
}
