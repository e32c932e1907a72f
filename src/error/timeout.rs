//! Which limit on time was reached.

use super::ApiError;

/// A limit on time. To clients all are `timeout`; a ledger wants to know which it was.
///
/// ```
/// use tower_completions::ApiError;
/// use tower_completions::error::TimeoutKind;
///
/// let error = ApiError::timed_out(TimeoutKind::Idle);
/// assert_eq!((error.status().as_u16(), error.code(), error.reason()), (504, Some("timeout"), Some("idle_timeout")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeoutKind {
    /// There was no connection in time; the provider has seen nothing of the request.
    Connect,
    /// Nothing of an answer came in time.
    FirstByte,
    /// A stream began, and said nothing in time.
    FirstToken,
    /// A stream fell silent.
    Idle,
    /// The whole answer took too long.
    Total,
}

impl TimeoutKind {
    /// The word for the ledger.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Connect => "connect_timeout",
            Self::FirstByte => "first_byte_timeout",
            Self::FirstToken => "first_token_timeout",
            Self::Idle => "idle_timeout",
            Self::Total => "total_timeout",
        }
    }
}

impl ApiError {
    /// 504 `timeout`, with the [reason](Self::reason) of this kind.
    pub fn timed_out(kind: TimeoutKind) -> Self {
        let message = match kind {
            TimeoutKind::Connect | TimeoutKind::FirstByte => return Self::timeout().with_reason(kind.reason()),
            TimeoutKind::FirstToken => "The upstream provider did not begin to answer in time.",
            TimeoutKind::Idle => "The upstream provider fell silent.",
            TimeoutKind::Total => "The answer took longer than it may.",
        };
        Self::server_error(http::StatusCode::GATEWAY_TIMEOUT, "timeout", message).with_reason(kind.reason())
    }
}
