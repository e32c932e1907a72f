//! Another stack for the requests to come, while those of the old one go on.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

/// A stack that can be exchanged. Each request takes the one that is there when it comes, and keeps it to its end.
pub(crate) struct Exchange<S>(Arc<RwLock<S>>);

impl<S> Exchange<S> {
    pub(crate) fn new(stack: S) -> Self {
        Self(Arc::new(RwLock::new(stack)))
    }

    pub(crate) fn put(&self, stack: S) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = stack;
    }
}

impl<S: Clone> Exchange<S> {
    /// The one that is there.
    pub(crate) fn get(&self) -> S {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S> Clone for Exchange<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The signal that says that the file has changed.
#[cfg(unix)]
pub(crate) struct Hangups(Option<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Hangups {
    /// From here on a signal does not end the process, if there is a file.
    pub(crate) fn new(has_file: bool) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        has_file.then(|| signal(SignalKind::hangup())).transpose().map(Self)
    }

    pub(crate) async fn next(&mut self) {
        let told = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if told.is_none() {
            std::future::pending().await
        }
    }
}

/// There is no such signal here.
#[cfg(not(unix))]
pub(crate) struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    pub(crate) fn new(_: bool) -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) {
        std::future::pending().await
    }
}
