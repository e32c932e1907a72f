//! Reading a whole body, up to a limit.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;

use crate::error::BoxError;

/// What has been read of a body. A body of one frame is not copied.
#[derive(Debug)]
pub(crate) struct Collect {
    first: Bytes,
    rest: BytesMut,
    limit: usize,
    cut: bool,
}

/// Why a body could not be read to its end.
#[derive(Debug)]
pub(crate) enum CollectError {
    /// It is larger than the limit.
    TooLarge,
    /// It broke.
    Body(BoxError),
}

impl Collect {
    /// All of it; more than `limit` bytes are an error.
    pub(crate) fn all(limit: usize) -> Self {
        Self { first: Bytes::new(), rest: BytesMut::new(), limit, cut: false }
    }

    /// Its first `limit` bytes; what follows is not read.
    pub(crate) fn cut(limit: usize) -> Self {
        Self { cut: true, ..Self::all(limit) }
    }

    pub(crate) fn poll<B>(&mut self, mut body: Pin<&mut B>, cx: &mut Context<'_>) -> Poll<Result<Bytes, CollectError>>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        if !self.cut && body.size_hint().lower() > self.room() as u64 {
            return Poll::Ready(Err(CollectError::TooLarge));
        }
        loop {
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let Ok(mut data) = frame.into_data() else { continue };
                    let data = data.copy_to_bytes(data.remaining());
                    if data.len() > self.room() {
                        if !self.cut {
                            return Poll::Ready(Err(CollectError::TooLarge));
                        }
                        self.push(data.slice(..self.room()), 0);
                        return Poll::Ready(Ok(self.take()));
                    }
                    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
                    self.push(data, expected);
                }
                Some(Err(error)) => return Poll::Ready(Err(CollectError::Body(error.into()))),
                None => return Poll::Ready(Ok(self.take())),
            }
        }
    }

    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn room(&self) -> usize {
        self.limit - self.len()
    }

    /// Adds a frame; `expected` is how many bytes are known to follow it.
    fn push(&mut self, data: Bytes, expected: usize) {
        if self.len() == 0 {
            self.first = data;
            return;
        }
        if !self.first.is_empty() {
            let expected = expected.min(self.room());
            self.rest.reserve(self.first.len() + data.len() + expected);
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.rest.extend_from_slice(&data);
    }

    fn take(&mut self) -> Bytes {
        if self.rest.is_empty() { std::mem::take(&mut self.first) } else { std::mem::take(&mut self.rest).freeze() }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use http_body_util::{Full, StreamBody};

    use super::*;

    fn read(mut collect: Collect, frames: &[&'static str]) -> Result<Bytes, CollectError> {
        let frames =
            frames.iter().map(|frame| Ok::<_, BoxError>(http_body::Frame::data(Bytes::from_static(frame.as_bytes()))));
        let mut body = pin!(StreamBody::new(tokio_stream::iter(frames)));
        match collect.poll(body.as_mut(), &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(read) => read,
            Poll::Pending => panic!("an iterator is always ready"),
        }
    }

    #[test]
    fn one_frame_is_not_copied() {
        let bytes = Bytes::from(vec![b'x'; 10]);
        let mut body = pin!(Full::new(bytes.clone()));
        let Poll::Ready(Ok(read)) = Collect::all(10).poll(body.as_mut(), &mut Context::from_waker(Waker::noop()))
        else {
            panic!("a full body is ready");
        };
        assert_eq!(read.as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn frames_are_joined_up_to_the_limit() {
        assert_eq!(read(Collect::all(6), &["ab", "cd", "ef"]).unwrap(), "abcdef");
        assert!(matches!(read(Collect::all(5), &["ab", "cd", "ef"]), Err(CollectError::TooLarge)));
        assert_eq!(read(Collect::cut(5), &["ab", "cd", "ef"]).unwrap(), "abcde");
        assert_eq!(read(Collect::cut(5), &[]).unwrap(), "");
    }

    #[test]
    fn an_announced_size_is_refused_unread() {
        let mut body = pin!(Full::new(Bytes::from_static(b"0123456789")));
        let polled = Collect::all(9).poll(body.as_mut(), &mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Err(CollectError::TooLarge))));
        assert!(!body.is_end_stream());
    }
}
