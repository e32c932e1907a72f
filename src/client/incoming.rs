use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::{Body, Frame, SizeHint};
use hyper::Error;
use tokio::task::consume_budget;

use super::connect::Connected;
use super::host::Host;
use super::http1::Connection;

/// How large a piece may be, in bytes, to be worth joining with the next one.
const SMALL: usize = 4 << 10;
/// When pieces have been joined to so many bytes, they are handed on.
const ENOUGH: usize = 16 << 10;
/// And when there have been so many of them, however small they are: others are waiting for their turn.
const MANY: usize = 128;

type Piece = Option<Result<Frame<Bytes>, Error>>;

/// The body of an answer. What has come already, in however many small pieces, is one frame.
pub struct Incoming {
    inner: hyper::body::Incoming,
    /// The connection of an answer over HTTP/1.1, for as long as there may be more to be read from it.
    reading: Option<Reading>,
    held: Held,
}

struct Reading {
    connection: Connection,
    /// Who has the connection afterwards, if anybody has.
    host: Option<Arc<Host>>,
}

/// What came after the pieces that were joined.
enum Held {
    Nothing,
    End,
    Piece(Box<Result<Frame<Bytes>, Error>>),
}

impl Incoming {
    /// An answer over HTTP/1.1, to be read from its connection.
    pub(super) fn http1(
        response: Response<hyper::body::Incoming>,
        connection: Connection,
        host: Option<Arc<Host>>,
    ) -> Response<Self> {
        response.map(|inner| {
            let mut incoming = Self { inner, reading: None, held: Held::Nothing };
            if connection.is_sending() {
                connection.detach();
                return incoming;
            }
            incoming.reading = Some(Reading { connection, host });
            if incoming.inner.is_end_stream() {
                incoming.leave();
            }
            incoming
        })
    }

    /// An answer over HTTP/2.
    pub(super) fn http2(response: Response<hyper::body::Incoming>) -> Response<Self> {
        response.map(|inner| Self { inner, reading: None, held: Held::Nothing })
    }

    /// The next piece, as it came.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let mut inner = Pin::new(&mut self.inner);
        let Some(reading) = &mut self.reading else { return inner.poll_frame(cx) };
        let piece = ready!(reading.connection.poll(cx, |cx| inner.as_mut().poll_frame(cx)));
        // Nothing comes after trailers, an error, or the last of a known length.
        let may_go_on = matches!(&piece, Some(Ok(frame)) if frame.is_data()) && !inner.is_end_stream();
        if !may_go_on {
            self.leave();
        }
        Poll::Ready(piece)
    }

    /// There is nothing more to be read from the connection.
    fn leave(&mut self) {
        if let Some(Reading { connection, host: Some(host) }) = self.reading.take() {
            host.put(Connected::Http1(connection));
        }
    }

    /// All that is there already, as one piece.
    fn join(&mut self, first: Bytes, cx: &mut Context<'_>) -> Bytes {
        let mut rest = BytesMut::new();
        for _ in 1..MANY {
            if first.len() + rest.len() >= ENOUGH {
                break;
            }
            match self.poll_piece(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => {
                    self.held = Held::End;
                    break;
                }
                Poll::Ready(Some(piece)) => match small(&piece) {
                    Some(data) => {
                        if rest.is_empty() {
                            rest.reserve(2 * first.len() + data.len());
                            rest.extend_from_slice(&first);
                        }
                        rest.extend_from_slice(data);
                    }
                    None => {
                        self.held = Held::Piece(Box::new(piece));
                        break;
                    }
                },
            }
        }
        if rest.is_empty() { first } else { rest.freeze() }
    }
}

/// The data of a piece that is worth joining with others.
fn small(piece: &Result<Frame<Bytes>, Error>) -> Option<&Bytes> {
    piece.as_ref().ok().and_then(Frame::data_ref).filter(|data| data.len() < SMALL)
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing => {}
            Held::End => return Poll::Ready(None),
            Held::Piece(piece) => return Poll::Ready(Some(*piece)),
        }
        // What hyper has read already costs nothing of a task's budget: no reader may go on for ever with it.
        if self.reading.is_some() {
            ready!(pin!(consume_budget()).poll(cx));
        }
        let Some(piece) = ready!(self.poll_piece(cx)) else { return Poll::Ready(None) };
        let Some(first) = small(&piece).cloned() else { return Poll::Ready(Some(piece)) };
        Poll::Ready(Some(Ok(Frame::data(self.join(first, cx)))))
    }

    fn is_end_stream(&self) -> bool {
        match self.held {
            Held::Nothing => self.inner.is_end_stream(),
            Held::End => true,
            Held::Piece(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        if let Held::Piece(piece) = &self.held
            && let Some(data) = piece.as_ref().as_ref().ok().and_then(Frame::data_ref)
        {
            let held = data.len() as u64;
            match hint.upper() {
                Some(upper) if upper == hint.lower() => hint.set_exact(upper + held),
                _ => hint.set_lower(hint.lower() + held),
            }
        }
        hint
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Incoming").field(&self.inner).finish()
    }
}
