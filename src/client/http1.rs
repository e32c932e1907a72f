//! A connection of HTTP/1.1, which belongs to whoever waits for its answer.
//!
//! hyper's connection is a future of its own, which hands over one chunk at a time. In a task of its own it would be woken for
//! each, and wake the reader in turn. Here the reader polls it: what has come is there at once, however many chunks it is.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::coop::has_budget_remaining;

use super::connect::Stream;
use super::error::{Error, Failed};
use super::line::Line;
use super::watched::Watched;

type Driver = http1::Connection<TokioIo<Watched>, Full<Bytes>>;

pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// hyper's side of it. `None` when it is over.
    driver: Option<Box<Driver>>,
    line: Arc<Line>,
    /// The line as a waker.
    bell: Waker,
}

impl Connection {
    pub(super) async fn new(stream: Stream) -> Result<Self, Error> {
        let line = Arc::<Line>::default();
        let io = Watched::wrap(stream, Arc::clone(&line));
        let (sender, driver) = http1::handshake(io).await.map_err(Error::connect)?;
        let bell = Waker::from(Arc::clone(&line));
        Ok(Self { sender, driver: Some(Box::new(driver)), line, bell })
    }

    /// Sends a request, and waits for the head of its answer. The request is not kept in the future: hyper has it at once.
    pub(super) fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<Response<hyper::body::Incoming>, Failed>> {
        self.line.set_answered(false);
        let mut answer = Box::pin(self.sender.try_send_request(request));
        async move {
            let answer = poll_fn(|cx| self.poll(cx, |cx| answer.as_mut().poll(cx))).await;
            answer.map_err(|failed| Failed::new(failed, |error| Error::http1(error, self.line.is_answered())))
        }
    }

    /// Looks for something, and lets the connection go on until it is there.
    ///
    /// What the looker waits for comes from this connection alone, which is polled here: nobody needs to wake them.
    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut look: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // A second time for what has happened during the first; then others may have their turn.
        for _ in 0..2 {
            let Some(driver) = &mut self.driver else { return look(cx) };
            if self.line.is_asleep(cx.waker()) {
                return Poll::Pending;
            }
            let silent = &mut Context::from_waker(Waker::noop());
            let found = look(silent);
            if found.is_ready() {
                return found;
            }
            self.line.listen();
            if Pin::new(driver).poll(&mut Context::from_waker(&self.bell)).is_ready() {
                self.driver = None;
                return look(cx);
            }
            let found = look(silent);
            if found.is_ready() {
                return found;
            }
            // Something may be there that this task must not have before others have had their turn.
            if !has_budget_remaining() {
                break;
            }
            if self.line.sleep(cx.waker()) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether the request is still being sent, which must go on whether anybody reads the answer or not.
    pub(super) fn is_sending(&self) -> bool {
        self.line.is_sending()
    }

    /// Goes on by itself, to the end of this answer.
    pub(super) fn detach(self) {
        if let Some(driver) = self.driver {
            tokio::spawn(async move {
                // Whoever reads the answer is told the same.
                let _over = driver.await;
            });
        }
    }

    /// Whether another request can be sent, now that an answer has been read to its end, or after a rest.
    pub(super) fn is_ready(&mut self) -> bool {
        self.line.forget_owner();
        let Some(driver) = &mut self.driver else { return false };
        if self.sender.is_ready() && self.line.is_quiet() {
            return true;
        }
        self.line.listen();
        if Pin::new(driver).poll(&mut Context::from_waker(&self.bell)).is_ready() {
            self.driver = None;
        }
        self.driver.is_some() && self.sender.is_ready()
    }
}
