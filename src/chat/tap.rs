//! Watching an OpenAI-shaped answer go by.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::facts::Facts;
use super::sse::{EventTooLong, Scanner};
use super::watch::{Notice, Watch};
use crate::media_type;
use crate::usage::UsageCell;

/// How much of a whole answer is kept until it can be read, in bytes. A larger one is not read.
const MAX_ANSWER: usize = 32 << 20;

pin_project! {
    /// A body that fills a [`UsageCell`] with what an OpenAI-shaped answer says, and changes nothing.
    ///
    /// For layers that need to know what an answer cost, around services that do not say: see [`Tap::install`].
    pub struct Tap<B> {
        #[pin]
        inner: B,
        // In a box: a body is moved from layer to layer.
        reader: Option<Box<Reader>>,
        cell: UsageCell,
    }
}

enum Reader {
    Stream { scanner: Scanner, watch: Watch },
    Whole { held: Vec<u8> },
}

impl<B> Tap<B> {
    /// Makes sure that a response has a [`UsageCell`] in its extensions: whoever decodes the answer has put one there, or
    /// else the body is watched from here on. The cell is full when the body ends, fails or is dropped.
    pub fn install(mut response: Response<B>) -> Response<Self> {
        if let Some(cell) = response.extensions().get::<UsageCell>().cloned() {
            return response.map(|inner| Self { inner, reader: None, cell });
        }
        let cell = UsageCell::new();
        response.extensions_mut().insert(cell.clone());
        let reader = if response.status().is_success() { Reader::for_type(response.headers()) } else { None };
        response.map(|inner| Self { inner, reader, cell })
    }
}

/// What has been read is not printed: it is the answer.
impl<B: fmt::Debug> fmt::Debug for Tap<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("inner", &self.inner).field("cell", &self.cell).finish_non_exhaustive()
    }
}

impl Reader {
    fn for_type(headers: &HeaderMap) -> Option<Box<Self>> {
        let content_type = headers.get(CONTENT_TYPE)?;
        if media_type::is(content_type, media_type::EVENTS) {
            Some(Box::new(Self::Stream { scanner: Scanner::default(), watch: Watch::default() }))
        } else if media_type::is(content_type, media_type::JSON) {
            Some(Box::new(Self::Whole { held: Vec::new() }))
        } else {
            None
        }
    }

    /// Reads on. False if there is no use in reading further.
    fn read(&mut self, data: &[u8], cell: &UsageCell) -> bool {
        match self {
            Self::Stream { scanner, watch } => {
                let fed: Result<(), Broken> = scanner.feed(data, |block| {
                    let Some(data) = block.data() else { return Ok(()) };
                    match watch.event(&data, |seen| seen.record(cell)).map_err(|_| Broken)? {
                        Notice::Error(_) => Err(Broken),
                        _ => Ok(()),
                    }
                });
                if fed.is_err() {
                    fail(cell);
                } else if watch.is_finished() {
                    cell.record(|seen| seen.complete = true);
                }
                fed.is_ok()
            }
            Self::Whole { held } => {
                held.extend_from_slice(data);
                held.len() <= MAX_ANSWER
            }
        }
    }

    /// The body has ended.
    fn end(self, cell: &UsageCell) {
        match self {
            Self::Stream { watch, .. } if watch.is_finished() => {}
            Self::Stream { .. } => fail(cell),
            Self::Whole { held } => match Facts::read(&held) {
                Ok(facts) if facts.error.is_none() && facts.choices.is_some() => {
                    facts.tell(|seen| seen.record(cell));
                    cell.record(|seen| seen.complete = true);
                }
                _ => fail(cell),
            },
        }
    }
}

/// The stream is not what it should be.
struct Broken;

impl From<EventTooLong> for Broken {
    fn from(_: EventTooLong) -> Self {
        Self
    }
}

fn fail(cell: &UsageCell) {
    cell.record(|seen| {
        seen.complete = false;
        seen.failure.get_or_insert_with(|| "upstream_error".to_owned());
    });
}

impl<B: Body<Data = Bytes>> Body for Tap<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        let Some(reader) = this.reader else { return Poll::Ready(frame) };
        let goes_on = match &frame {
            Some(Ok(frame)) => frame.data_ref().is_none_or(|data| reader.read(data, this.cell)),
            Some(Err(_)) => {
                fail(this.cell);
                false
            }
            None => true,
        };
        // hyper does not ask again once the announced length has been sent.
        let is_over = frame.is_none() || this.inner.is_end_stream();
        if !goes_on {
            *this.reader = None;
        } else if is_over && let Some(reader) = this.reader.take() {
            reader.end(this.cell);
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

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;
    use crate::error::BoxError;
    use crate::usage::{Observed, UsageSource};

    async fn watched(content_type: &str, body: &'static str) -> (Bytes, Observed) {
        let response = Response::builder().header("content-type", content_type).body(Full::new(Bytes::from(body)));
        let tapped = Tap::install(response.unwrap());
        let cell = tapped.extensions().get::<UsageCell>().unwrap().clone();
        (tapped.into_body().collect().await.unwrap().to_bytes(), cell.observed())
    }

    const ANSWER: &str = r#"{"model":"m-1","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":3,"completion_tokens":1}}"#;

    #[tokio::test]
    async fn a_whole_answer_is_read_when_it_has_ended() {
        let (body, seen) = watched("application/json", ANSWER).await;
        assert_eq!(body, ANSWER);
        assert_eq!((seen.source(), seen.usage.unwrap().total_tokens()), (UsageSource::Reported, 4));
        assert_eq!((seen.model.as_deref(), seen.finish_reason.as_deref()), (Some("m-1"), Some("stop")));
        assert_eq!(seen.text_bytes, 2);
    }

    #[tokio::test]
    async fn a_stream_is_read_as_it_goes() {
        let stream = "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
            data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";
        let (body, seen) = watched("text/event-stream; charset=utf-8", stream).await;
        assert_eq!(body, stream);
        assert_eq!((seen.source(), seen.usage.unwrap().total_tokens()), (UsageSource::Reported, 4));
        assert_eq!((seen.complete, seen.failure), (true, None));
    }

    #[tokio::test]
    async fn what_breaks_off_is_not_complete() {
        for (content_type, body) in [
            ("text/event-stream", "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n"),
            ("text/event-stream", "data: {\"error\":{\"message\":\"no\"}}\n\n"),
            ("text/event-stream", "data: <html>\n\n"),
            ("application/json", "{\"choices\":["),
            ("application/json", "{\"error\":{\"message\":\"no\"}}"),
        ] {
            let (_, seen) = watched(content_type, body).await;
            assert_eq!((seen.complete, seen.failure.as_deref()), (false, Some("upstream_error")), "{body}");
        }
    }

    #[tokio::test]
    async fn what_follows_the_end_is_not_read() {
        let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n";
        for after in ["data: <html>\n\n", "data: {\"error\":\"no\"}\n\n", "data: {\"choices\":["] {
            let body = Box::leak(format!("{stream}{after}").into_boxed_str());
            let (_, seen) = watched("text/event-stream", body).await;
            assert_eq!((seen.complete, seen.failure), (true, None), "{after}");
        }
    }

    #[tokio::test]
    async fn what_fails_after_its_finish_reason_is_not_complete() {
        let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
        let error = "data: {\"error\":{\"message\":\"no\"}}\n\n";
        let frames = [Ok(Frame::data(Bytes::from(stream))), Ok(Frame::data(Bytes::from(error)))];
        let frames = frames.into_iter().map(|frame: Result<_, BoxError>| frame);
        let response = Response::builder().header("content-type", "text/event-stream");
        let tapped = Tap::install(response.body(StreamBody::new(tokio_stream::iter(frames))).unwrap());
        let cell = tapped.extensions().get::<UsageCell>().unwrap().clone();
        tapped.into_body().collect().await.unwrap();
        assert_eq!((cell.observed().complete, cell.observed().failure.as_deref()), (false, Some("upstream_error")));
    }

    #[tokio::test]
    async fn a_body_that_fails_is_noticed() {
        let frames = [Ok(Frame::data(Bytes::from("data: "))), Err(BoxError::from("gone"))];
        let response = Response::builder().header("content-type", "text/event-stream");
        let tapped = Tap::install(response.body(StreamBody::new(tokio_stream::iter(frames))).unwrap());
        let cell = tapped.extensions().get::<UsageCell>().unwrap().clone();
        assert!(tapped.into_body().collect().await.is_err());
        assert_eq!(cell.observed().failure.as_deref(), Some("upstream_error"));
    }

    #[tokio::test]
    async fn a_cell_that_is_there_is_left_alone() {
        let cell = UsageCell::new();
        cell.record(|seen| seen.complete = true);
        let response = Response::builder().header("content-type", "application/json").extension(cell.clone());
        let tapped = Tap::install(response.body(Full::new(Bytes::from("garbage"))).unwrap());
        tapped.into_body().collect().await.unwrap();
        assert_eq!((cell.observed().complete, cell.observed().failure), (true, None));
    }
}
