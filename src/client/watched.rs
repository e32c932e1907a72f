use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http::Extensions;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::line::{Line, OnLine, introduce};

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Whether anything has come back since something was sent. It travels with what hyper tells of a connection.
#[derive(Clone)]
pub(super) struct Answered(Arc<AtomicBool>);

impl Answered {
    /// Of a connection of several requests nobody can say whose answer has begun.
    pub(super) fn of(connection: &Connected) -> bool {
        let mut extras = Extensions::new();
        connection.get_extras(&mut extras);
        connection.is_negotiated_h2() || extras.get::<Self>().is_none_or(|answered| answered.0.load(Ordering::Relaxed))
    }
}

/// A connection that remembers whether anything has come back since something was sent.
pub(super) struct Watched {
    stream: TokioIo<Stream>,
    answered: Arc<AtomicBool>,
    is_shared: bool,
    /// None for a connection with several requests at once.
    line: Option<Arc<Line>>,
    /// It has been read before.
    is_introduced: bool,
}

impl Watched {
    /// `is_shared` is whether several requests at once will be on it, whatever TLS agrees on.
    pub(super) fn new(stream: Stream, is_shared: bool) -> Self {
        let stream = TokioIo::new(stream);
        let line = (!is_shared && !stream.connected().is_negotiated_h2()).then(Arc::default);
        Self { stream, answered: Arc::default(), is_shared, line, is_introduced: false }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut TokioIo<Stream>> {
        Pin::new(&mut self.get_mut().stream)
    }

    fn sent(&self, result: &Poll<io::Result<usize>>) {
        if matches!(result, Poll::Ready(Ok(1..))) {
            self.answered.store(false, Ordering::Relaxed);
        }
        self.sending(result);
    }

    fn sending<T>(&self, result: &Poll<T>) {
        if let Some(line) = &self.line {
            line.set_sending(result.is_pending());
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.is_introduced, true)
            && let Some(line) = &self.line
        {
            introduce(Arc::clone(line));
        }
        let before = buf.filled().len();
        ready!(self.as_mut().stream().poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.answered.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = self.as_mut().stream().poll_write(cx, buf);
        self.sent(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = self.as_mut().stream().poll_write_vectored(cx, bufs);
        self.sent(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.as_mut().stream().poll_flush(cx);
        self.sending(&result);
        result
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

impl Connection for Watched {
    fn connected(&self) -> Connected {
        let connected = self.stream.connected();
        if self.is_shared {
            return connected;
        }
        let connected = connected.extra(Answered(self.answered.clone()));
        match &self.line {
            Some(line) => connected.extra(OnLine(Arc::clone(line))),
            None => connected,
        }
    }
}
