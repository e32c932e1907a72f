//! What a client leaves behind: a call or a body that may be read on.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::Body;

use super::drain::Task;
use super::guard::Guard;
use crate::chat::Tap;
use crate::error::{ApiError, BoxError};

/// Makes a task of what is left; the last argument is how many bytes it may read.
type MakeTask<T> = fn(Pin<Box<T>>, Guard, u64) -> Task;

/// Something with an open receipt, which goes to the [`Drain`](super::Drain) of its provider when it is dropped.
pub(super) struct Leftover<T> {
    /// In this order: when both are dropped, the first says what it knows before the receipt is written.
    inner: Option<Pin<Box<T>>>,
    guard: Guard,
    make_task: MakeTask<T>,
}

impl<T> Leftover<T> {
    pub(super) fn new(inner: T, guard: Guard, make_task: MakeTask<T>) -> Self {
        Self { inner: Some(Box::pin(inner)), guard, make_task }
    }

    pub(super) fn get(&self) -> Option<&T> {
        self.inner.as_deref()
    }

    pub(super) fn parts(&mut self) -> Option<(&mut Pin<Box<T>>, &mut Guard)> {
        Some((self.inner.as_mut()?, &mut self.guard))
    }

    pub(super) fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

impl<T> Drop for Leftover<T> {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        if std::thread::panicking() || self.guard.is_complete() {
            return;
        }
        let Some(drain) = self.guard.drain() else { return };
        let mut guard = self.guard.take();
        guard.leave();
        drain.push((self.make_task)(inner, guard, drain.bytes()));
    }
}

/// Waits for an answer that nobody waits for any more, and reads it.
pub(super) fn read_call<F, B, E>(call: Pin<Box<F>>, mut guard: Guard, bytes: u64) -> Task
where
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    E: Into<BoxError>,
{
    Box::pin(async move {
        let answer = call.await.map_err(|error| ApiError::from_box(error.into()));
        match answer {
            Err(error) => guard.failed(&error),
            Ok(response) if !response.status().is_success() => {
                guard.answered(&response, true);
                guard.ended();
            }
            Ok(response) => {
                let response = guard.watch(response);
                read_body(Box::pin(response.into_body()), guard, bytes).await;
            }
        }
    })
}

/// Reads a body that nobody reads any more.
pub(super) fn read_body<B>(mut body: Pin<Box<Tap<B>>>, mut guard: Guard, bytes: u64) -> Task
where
    B: Body<Data = Bytes> + Send + 'static,
{
    Box::pin(async move {
        let mut left = bytes;
        let next = |body: &mut Pin<Box<Tap<B>>>, cx: &mut Context<'_>| -> Poll<Option<usize>> {
            let frame = body.as_mut().poll_frame(cx);
            frame.map(|frame| Some(frame?.ok()?.data_ref().map_or(0, Bytes::len)))
        };
        while !guard.is_complete()
            && let Some(read) = poll_fn(|cx| next(&mut body, cx)).await
        {
            match left.checked_sub(read as u64) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        drop(body);
        guard.ended();
    })
}
