//! Waiting a little for the end of a body whose answer is over.
//!
//! An HTTP/1.1 connection can be used again only when its last body has been read to the end, and that end often comes
//! a moment after `[DONE]`. The client has all it wants by then, so the wait costs nobody anything; but it must be short,
//! since some clients wait for the end of the answer, too. A wait needs a timer, and so the feature `client` and its
//! runtime; without them there is none.

use std::task::{Context, Poll};

/// How long the end is waited for.
#[cfg(feature = "client")]
const LINGER: std::time::Duration = std::time::Duration::from_millis(50);

/// A wait that has begun.
pub(super) struct Linger {
    #[cfg(feature = "client")]
    sleep: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
}

impl Linger {
    #[cfg(feature = "client")]
    pub(super) fn start() -> Self {
        let has_runtime = tokio::runtime::Handle::try_current().is_ok();
        Self { sleep: has_runtime.then(|| Box::pin(tokio::time::sleep(LINGER))) }
    }

    #[cfg(not(feature = "client"))]
    pub(super) fn start() -> Self {
        Self {}
    }

    /// Ready when it has been long enough.
    #[cfg(feature = "client")]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) => std::future::Future::poll(sleep.as_mut(), cx),
            None => Poll::Ready(()),
        }
    }

    #[cfg(not(feature = "client"))]
    pub(super) fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
