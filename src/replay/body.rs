//! Reading an answer as it goes by.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::SignatureStore;
use super::turn::{GiveUp, Turns};
use crate::chat::sse::Scanner;
use crate::media_type;

/// How much of a whole answer is held until it can be read, in bytes. Of a larger one nothing is kept.
const MAX_ANSWER: usize = 32 << 20;

pin_project! {
    /// The body of an answer, whose signed reasoning is kept on the way. Its frames are those of the inner body.
    pub struct SignatureBody<B, K> {
        #[pin]
        inner: B,
        reader: Option<Reader<K>>,
    }
}

enum Reader<K> {
    Stream { scanner: Scanner, turns: Turns<K> },
    Whole { held: Vec<u8>, turns: Turns<K> },
}

impl<B, K> SignatureBody<B, K> {
    pub(super) fn wrap(response: Response<B>, turns: Option<Turns<K>>) -> Response<Self> {
        let is_answer = response.status().is_success();
        let reader = turns.filter(|_| is_answer).and_then(|turns| Reader::for_type(response.headers(), turns));
        response.map(|inner| Self { inner, reader })
    }
}

impl<K> Reader<K> {
    fn for_type(headers: &HeaderMap, turns: Turns<K>) -> Option<Self> {
        let content_type = headers.get(CONTENT_TYPE)?;
        if media_type::is(content_type, media_type::EVENTS) {
            Some(Self::Stream { scanner: Scanner::default(), turns })
        } else if media_type::is(content_type, media_type::JSON) {
            Some(Self::Whole { held: Vec::new(), turns })
        } else {
            None
        }
    }
}

impl<K: SignatureStore> Reader<K> {
    /// Reads on. What is finished is kept before the client has these bytes: it may ask again at once.
    fn read(&mut self, data: &[u8]) -> Result<(), GiveUp> {
        match self {
            Self::Stream { scanner, turns } => {
                scanner.feed(data, |block| block.data().map_or(Ok(()), |data| turns.event(&data)))
            }
            Self::Whole { held, .. } => {
                held.extend_from_slice(data);
                if held.len() > MAX_ANSWER { Err(GiveUp) } else { Ok(()) }
            }
        }
    }

    /// The body is at its end.
    fn end(self) {
        if let Self::Whole { held, turns } = self {
            turns.whole(&held);
        }
    }
}

impl<B: Body<Data = Bytes>, K: SignatureStore> Body for SignatureBody<B, K> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        let Some(reader) = this.reader else { return Poll::Ready(frame) };
        let read = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(Ok(()), |data| reader.read(data)),
            Some(Err(_)) => Err(GiveUp),
            None => Ok(()),
        };
        // hyper does not ask again once the announced length has been sent.
        let is_over = frame.is_none() || this.inner.is_end_stream();
        if read.is_err() {
            *this.reader = None;
        } else if is_over && let Some(reader) = this.reader.take() {
            reader.end();
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

/// What has been read is not printed: it is the answer.
impl<B: fmt::Debug, K> fmt::Debug for SignatureBody<B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}
