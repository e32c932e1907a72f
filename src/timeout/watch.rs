//! The deadlines of one answer.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use http_body::Frame;
use tokio::time::Instant;

use super::limits::Limits;
use super::payload::Payload;
use crate::alarm::Alarm;
use crate::error::{ApiError, TimeoutKind};
use crate::media_type;
use crate::usage::UsageCell;

/// Watches over one answer, from the call to its last byte, with one timer.
#[derive(Debug)]
pub(super) struct Watch {
    alarm: Alarm,
    is_answering: bool,
    /// When the response has to be there; `None` once it is.
    response_by: Option<Instant>,
    /// When the first token has to be there; `None` once it is, or where there is none.
    token_by: Option<Instant>,
    end_by: Option<Instant>,
    idle: Option<Duration>,
    /// How long the present silence has been waited out, but for the wait that is going on.
    silence: Duration,
    waiting_since: Option<Instant>,
    events: Option<Payload>,
    cell: Option<UsageCell>,
}

/// A time that is too far away for the clock is no limit.
fn after(start: Instant, time: Option<Duration>) -> Option<Instant> {
    start.checked_add(time?)
}

impl Watch {
    /// The call is made now.
    pub(super) fn start(limits: Limits, is_stream: bool) -> Self {
        let now = Instant::now();
        Self {
            alarm: Alarm::default(),
            is_answering: false,
            response_by: after(now, limits.first_byte),
            token_by: after(now, limits.first_token).filter(|_| is_stream),
            end_by: after(now, limits.total),
            idle: limits.idle,
            silence: Duration::ZERO,
            waiting_since: None,
            events: None,
            cell: None,
        }
    }

    /// The response is there.
    pub(super) fn responded<B>(&mut self, response: &Response<B>) {
        let content_type = response.headers().get(CONTENT_TYPE);
        let is_stream = content_type.is_some_and(|value| media_type::is(value, media_type::EVENTS));
        self.events = is_stream.then(Payload::default);
        self.cell = response.extensions().get().cloned();
        self.is_answering = true;
        self.response_by = None;
        if !is_stream {
            self.token_by = None;
        }
    }

    /// Something came. An error, if it should not have taken that long.
    pub(super) fn came(&mut self, frame: &Frame<Bytes>) -> Result<(), TimeoutKind> {
        let waited = self.waiting_since.take();
        let has_data = match (&mut self.events, frame.data_ref()) {
            (Some(events), Some(data)) => events.read(data),
            _ => true,
        };
        if has_data {
            self.silence = Duration::ZERO;
            if self.cell.as_ref().is_none_or(UsageCell::has_begun) {
                self.token_by = None;
            }
        } else if let Some(since) = waited {
            self.silence += since.elapsed();
        }
        match self.end_by {
            Some(end) if Instant::now() >= end => Err(TimeoutKind::Total),
            _ => Ok(()),
        }
    }

    /// Nothing is there now: ready when that has been so for too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TimeoutKind> {
        let quiet_by = match self.idle {
            Some(idle) if self.is_answering => {
                let since = *self.waiting_since.get_or_insert_with(Instant::now);
                after(since, Some(idle.saturating_sub(self.silence)))
            }
            _ => None,
        };
        let deadlines = [
            (self.response_by, TimeoutKind::FirstByte),
            (self.token_by, TimeoutKind::FirstToken),
            (quiet_by, TimeoutKind::Idle),
            (self.end_by, TimeoutKind::Total),
        ];
        let deadlines = deadlines.into_iter().filter_map(|(at, kind)| Some((at?, kind)));
        match deadlines.min_by_key(|(at, _)| *at) {
            Some((at, kind)) => {
                ready!(self.alarm.poll(at, cx));
                Poll::Ready(kind)
            }
            None => Poll::Pending,
        }
    }

    /// What an answer of this kind ends with; whoever counts learns of it, too.
    pub(super) fn fail(&self, kind: TimeoutKind) -> ApiError {
        let error = ApiError::timed_out(kind);
        if let Some(cell) = &self.cell {
            cell.record(|seen| seen.fail(&error));
        }
        error
    }
}
