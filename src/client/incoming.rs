use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::{Body, Frame, SizeHint};
use hyper::Error;
use tokio::task::consume_budget;

use super::line::{Claim, Line, OnLine};

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
    /// The line of an answer over HTTP/1.1, for as long as there may be more to be read from it.
    line: Option<Reading>,
    held: Held,
}

/// An answer that is read from its connection.
struct Reading {
    line: Arc<Line>,
    /// The line as a waker.
    bell: Waker,
    has_claimed: bool,
    /// There was nothing more when it was asked last: who is woken then.
    asleep: Option<Waker>,
}

/// What came after the pieces that were joined.
enum Held {
    Nothing,
    End,
    Piece(Box<Result<Frame<Bytes>, Error>>),
}

impl Incoming {
    pub(super) fn wrap(mut response: Response<hyper::body::Incoming>) -> Response<Self> {
        let line = response.extensions_mut().remove::<OnLine>();
        response.map(|inner| {
            let line = line.filter(|_| !inner.is_end_stream()).map(|OnLine(line)| {
                let bell = Waker::from(Arc::clone(&line));
                Reading { line, bell, has_claimed: false, asleep: None }
            });
            Self { inner, line, held: Held::Nothing }
        })
    }

    /// The next piece, as it came.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let mut inner = Pin::new(&mut self.inner);
        // A second time for what has happened during the first; then others may have their turn.
        for _ in 0..2 {
            let Some(reading) = &mut self.line else { return inner.poll_frame(cx) };
            let Reading { line, bell, has_claimed, asleep } = reading;
            if let Some(waker) = asleep
                && waker.will_wake(cx.waker())
                && line.is_asleep()
            {
                return Poll::Pending;
            }
            let mut look = || inner.as_mut().poll_frame(&mut Context::from_waker(bell));
            let claim = if *has_claimed { Claim::Found(Poll::Pending) } else { line.claim(&mut look) };
            let found = match claim {
                Claim::Over => None,
                Claim::Busy => return inner.poll_frame(cx),
                Claim::Found(Poll::Pending) => {
                    *has_claimed = true;
                    if line.drive(bell) { Some(look()) } else { None }
                }
                Claim::Found(found) => Some(found),
            };
            let Some(found) = found else {
                self.line = None;
                continue;
            };
            if let Poll::Ready(found) = found {
                // Nothing comes after trailers, an error, or the last of a known length.
                let may_go_on = matches!(&found, Some(Ok(frame)) if frame.is_data()) && !inner.is_end_stream();
                if !may_go_on {
                    self.leave();
                }
                return Poll::Ready(found);
            }
            let waker = asleep.get_or_insert_with(|| cx.waker().clone());
            waker.clone_from(cx.waker());
            if line.sleep(waker.clone()) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn leave(&mut self) {
        if let Some(reading) = self.line.take()
            && reading.has_claimed
        {
            reading.line.leave();
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
        if self.line.is_some() {
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

impl Drop for Incoming {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Incoming").field(&self.inner).finish()
    }
}
