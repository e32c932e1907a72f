//! What a request and the connection below it tell each other.

use std::error::Error;
use std::fmt;

use crate::error::BoxError;

/// An error of a client: the connection ended before a byte of the answer had come, so that the request can be sent again.
///
/// A pooled connection may be dead without anybody knowing, and some servers close one just when a request is on its way.
/// `client::Client` tells these apart from answers that break off; a host's own client may wrap its error in this, too.
///
/// ```
/// use tower_completions::connection::Unanswered;
/// use tower_completions::error::FailureClass;
///
/// let error = Unanswered::new(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
/// assert_eq!(FailureClass::of_error(&error), FailureClass::Unanswered);
/// ```
#[derive(Debug)]
pub struct Unanswered(BoxError);

impl Unanswered {
    /// Wraps what ended the connection.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ended before a byte of the answer")
    }
}

impl Error for Unanswered {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// An error of a client: there was no connection to the provider, which has seen nothing of the request.
///
/// To the client of the layers above it is 502 `upstream_unreachable`, or 504 if the time to connect ran out.
/// `client::Client` and hyper-util's own client tell that by themselves; others may wrap their error in this.
///
/// ```
/// use tower_completions::connection::Unconnected;
/// use tower_completions::error::FailureClass;
///
/// let error = Unconnected::new("no such host");
/// assert_eq!(FailureClass::of_error(&error), FailureClass::Unreachable);
/// ```
#[derive(Debug)]
pub struct Unconnected(BoxError);

impl Unconnected {
    /// Wraps what went wrong.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Unconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection to the provider")
    }
}

impl Error for Unconnected {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// A request extension: this request wants a connection of its own, since the pool has just had a dead one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshConnection;
