//! The connections to one host, and who waits for one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::connect::Connected;
use super::error::Error;
use super::http1::Connection;
use super::pool::Origin;

pub(super) struct Host {
    /// For the header `host`.
    pub(super) name: HeaderValue,
    max_idle: usize,
    idle_timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last one was used last.
    idle: Vec<Idle>,
    /// The one for all requests, where HTTP/2 is spoken.
    shared: Option<Shared>,
    /// Who waits for a connection, whether they open one or not.
    waiting: VecDeque<oneshot::Sender<Connected>>,
    /// How many are being opened.
    opening: usize,
    is_http2: bool,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

struct Shared {
    sender: SendRequest<Full<Bytes>>,
    since: Instant,
}

impl Host {
    pub(super) fn new(origin: &Origin, max_idle: usize, idle_timeout: Duration, is_http2: bool) -> Result<Self, Error> {
        let name = HeaderValue::try_from(origin.host()).map_err(Error::connect)?;
        Ok(Self { name, max_idle, idle_timeout, state: Mutex::new(State { is_http2, ..State::default() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_old(&self, since: Instant) -> bool {
        since.elapsed() > self.idle_timeout
    }

    /// A connection that is there.
    pub(super) fn take(&self) -> Option<Connected> {
        loop {
            let Idle { mut connection, since } = {
                let mut state = self.state();
                if let Some(shared) = &mut state.shared
                    && shared.sender.is_ready()
                {
                    shared.since = Instant::now();
                    return Some(Connected::Http2(shared.sender.clone()));
                }
                state.idle.pop()?
            };
            if !self.is_old(since) && connection.is_ready() {
                return Some(Connected::Http1(connection));
            }
        }
    }

    /// Gives a connection to whoever has waited longest, or keeps it.
    pub(super) fn put(&self, connection: Connected) {
        match connection {
            Connected::Http1(connection) => self.put_back(connection),
            Connected::Http2(sender) => self.share(sender),
        }
    }

    /// A connection that was opened speaks HTTP/1.1: nobody is to rely on others.
    pub(super) fn speaks_http1(&self) {
        self.state().is_http2 = false;
    }

    fn put_back(&self, mut connection: Connection) {
        if !connection.is_ready() {
            return;
        }
        let mut state = self.state();
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.send(Connected::Http1(connection)) {
                Err(Connected::Http1(refused)) => connection = refused,
                _ => return,
            }
        }
        if state.idle.len() < self.max_idle {
            state.idle.push(Idle { connection, since: Instant::now() });
        }
    }

    fn share(&self, sender: SendRequest<Full<Bytes>>) {
        let mut state = self.state();
        state.is_http2 = true;
        for waiting in state.waiting.drain(..) {
            let _gone = waiting.send(Connected::Http2(sender.clone()));
        }
        if state.shared.as_ref().is_none_or(|shared| !shared.sender.is_ready()) {
            state.shared = Some(Shared { sender, since: Instant::now() });
        }
    }

    /// Waits for a connection. Whoever does so is to open one as well, if there is an [`Opening`]: where HTTP/2 is known to be spoken,
    /// the one that somebody else opens will do.
    pub(super) fn wait(self: &Arc<Self>, relies_on_others: bool) -> (oneshot::Receiver<Connected>, Option<Opening>) {
        let mut state = self.state();
        let (waiting, returned) = oneshot::channel();
        let relies_on_others = relies_on_others && state.is_http2 && state.opening > 0;
        if state.waiting.len() == state.waiting.capacity() {
            state.waiting.retain(|waiting| !waiting.is_closed());
        }
        state.waiting.push_back(waiting);
        if relies_on_others {
            return (returned, None);
        }
        state.opening += 1;
        drop(state);
        (returned, Some(Opening(Arc::clone(self))))
    }

    /// Closes what has not been used for long, or what its server has closed.
    pub(super) fn sweep(&self) {
        let (mut idle, shared) = {
            let mut state = self.state();
            let shared = state.shared.take_if(|shared| self.is_old(shared.since) || !shared.sender.is_ready());
            (std::mem::take(&mut state.idle), shared)
        };
        drop(shared);
        idle.retain_mut(|idle| !self.is_old(idle.since) && idle.connection.is_ready());
        let mut state = self.state();
        idle.append(&mut state.idle);
        let surplus = idle.len().saturating_sub(self.max_idle);
        let oldest: Vec<_> = idle.drain(..surplus).collect();
        state.idle = idle;
        drop(state);
        drop(oldest);
    }

    /// Whether nobody uses it, and there is nothing to be used.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.state();
        state.idle.is_empty() && state.shared.is_none() && state.opening == 0
    }
}

/// Somebody is opening a connection to this host.
pub(super) struct Opening(Arc<Host>);

impl Opening {
    pub(super) fn host(&self) -> &Host {
        &self.0
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.opening -= 1;
        // It has come to nothing, or they would have been served: whoever relies on it has to open one.
        let unserved =
            if state.opening == 0 && state.is_http2 { std::mem::take(&mut state.waiting) } else { VecDeque::new() };
        drop(state);
        drop(unserved);
    }
}
