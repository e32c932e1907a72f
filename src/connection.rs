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

/// A request extension: this request wants a connection of its own, since the pool has just had a dead one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshConnection;
