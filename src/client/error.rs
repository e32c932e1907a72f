use std::fmt;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::TrySendError;

use crate::connection::{Unanswered, Unconnected};
use crate::error::{BoxError, chain};

/// A request that got no answer.
#[derive(Debug)]
pub struct Error(Kind);

#[derive(Debug)]
enum Kind {
    Connect(Unconnected),
    Unanswered(Unanswered),
    Broken(hyper::Error),
}

impl Error {
    pub(super) fn connect(error: impl Into<BoxError>) -> Self {
        Self(Kind::Connect(Unconnected::new(error)))
    }

    /// Of a connection that serves one request after the other: has anything come back of this one's answer?
    pub(super) fn http1(error: hyper::Error, is_answered: bool) -> Self {
        Self(if is_answered { Kind::Broken(error) } else { Kind::Unanswered(Unanswered::new(error)) })
    }

    /// Of a connection of several requests nobody can say whose answer has begun, unless the server does.
    pub(super) fn http2(error: hyper::Error) -> Self {
        let is_answered = !is_unprocessed(&error);
        Self::http1(error, is_answered)
    }

    /// Whether there was no connection, so that the provider has seen nothing of the request: [`Unconnected`] is this error's
    /// source then.
    pub fn is_connect(&self) -> bool {
        matches!(self.0, Kind::Connect(_))
    }

    /// Whether the connection ended before a byte of the answer had come: [`Unanswered`] is this error's source then.
    ///
    /// A connection of HTTP/2 is shared by many requests: of one of these it is said if the server itself says that it has
    /// not looked at it.
    pub fn is_unanswered(&self) -> bool {
        matches!(self.0, Kind::Unanswered(_))
    }
}

/// A request that failed on one connection.
pub(super) struct Failed {
    pub(super) error: Error,
    /// The request, if nothing of it was sent.
    pub(super) unsent: Option<Box<Request<Full<Bytes>>>>,
}

impl Failed {
    pub(super) fn new(
        mut failed: TrySendError<Request<Full<Bytes>>>,
        error: impl FnOnce(hyper::Error) -> Error,
    ) -> Self {
        match failed.take_message() {
            Some(unsent) => Self { unsent: Some(Box::new(unsent)), error: Error::http1(failed.into_error(), false) },
            None => Self { unsent: None, error: error(failed.into_error()) },
        }
    }
}

/// Whether a server of HTTP/2 has told that it has not looked at the request: it refused its stream, or said goodbye in good
/// order before it. Streams that it had begun go on after a goodbye.
fn is_unprocessed(error: &(dyn std::error::Error + 'static)) -> bool {
    let told = chain(error).find_map(|error| error.downcast_ref::<h2::Error>());
    told.is_some_and(|told| match told.reason() {
        Some(h2::Reason::REFUSED_STREAM) => told.is_reset() && told.is_remote(),
        Some(h2::Reason::NO_ERROR) => told.is_go_away() && told.is_remote(),
        _ => false,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Connect(_) => "no connection to the provider",
            Kind::Unanswered(_) | Kind::Broken(_) => "the provider's connection failed",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Connect(error) => Some(error),
            Kind::Broken(error) => Some(error),
            Kind::Unanswered(error) => Some(error),
        }
    }
}
