//! What a boxed error means to a client.

use std::error::Error;

use http::StatusCode;

use super::{ApiError, TimeoutKind};
use crate::connection::Unconnected;

/// A boxed error, as tower's layers pass it around.
pub type BoxError = Box<dyn Error + Send + Sync>;

impl ApiError {
    /// What a boxed error from below means to the client.
    ///
    /// An `ApiError` anywhere in the chain of sources is taken as it is; tower's `Elapsed` is a 504, its `Overloaded` a
    /// 503, an I/O error of the kind "timed out" a 504, and one that says that nobody listens `upstream_unreachable`, like
    /// every other failure to connect. Anything else is `upstream_error`. The text of the error itself never reaches the
    /// client: it may hold addresses or credentials.
    pub fn from_box(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::from_error(&*error),
        }
    }

    /// The same as [`from_box`](Self::from_box), for an error that goes on.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let is_connect = chain(error).any(is_connect);
        match chain(error).find_map(Self::recognise) {
            Some(error) if is_connect && error.status() == StatusCode::GATEWAY_TIMEOUT => {
                error.with_reason(TimeoutKind::Connect.reason())
            }
            Some(error) => error,
            None if is_connect => Self::upstream_unreachable(),
            None => Self::upstream_error("The upstream provider's connection failed."),
        }
    }

    fn recognise(error: &(dyn Error + 'static)) -> Option<Self> {
        use std::io::ErrorKind;

        if let Some(error) = error.downcast_ref::<Self>() {
            return Some(error.clone());
        }
        if error.is::<tower::timeout::error::Elapsed>() {
            return Some(Self::timeout());
        }
        if error.is::<tower::load_shed::error::Overloaded>() {
            return Some(Self::overloaded("The server is at its capacity; try again shortly."));
        }
        match error.downcast_ref::<std::io::Error>()?.kind() {
            ErrorKind::TimedOut => Some(Self::timeout()),
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable => Some(Self::upstream_unreachable()),
            _ => None,
        }
    }
}

/// Whether the provider was reached and did not answer in time, so that it may have done the work all the same.
pub(crate) fn is_answer_timeout(error: &(dyn Error + 'static)) -> bool {
    let error = ApiError::from_error(error);
    error.status() == StatusCode::GATEWAY_TIMEOUT && error.reason() != Some(TimeoutKind::Connect.reason())
}

/// An error and what caused it, outermost first.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| cause(error))
}

/// An I/O error leaves out the error that it wraps when it is asked for its source.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn is_connect(error: &(dyn Error + 'static)) -> bool {
    error.is::<Unconnected>() || is_connect_of_hyper(error)
}

#[cfg(feature = "client")]
fn is_connect_of_hyper(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect())
}

#[cfg(not(feature = "client"))]
fn is_connect_of_hyper(_: &(dyn Error + 'static)) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxed_errors_are_told_apart() {
        let io = |kind| Box::new(std::io::Error::from(kind)) as BoxError;
        let cases = [
            (Box::new(ApiError::model_not_found("m")) as BoxError, 404, "model_not_found"),
            (Box::new(tower::timeout::error::Elapsed::new()), 504, "timeout"),
            (Box::new(tower::load_shed::error::Overloaded::new()), 503, "server_is_overloaded"),
            (io(std::io::ErrorKind::ConnectionRefused), 502, "upstream_unreachable"),
            (io(std::io::ErrorKind::TimedOut), 504, "timeout"),
            ("secret address 10.0.0.1".into(), 502, "upstream_error"),
        ];
        for (boxed, status, code) in cases {
            assert_eq!(is_answer_timeout(&*boxed), status == 504);
            let error = ApiError::from_box(boxed);
            assert_eq!((error.status().as_u16(), error.code()), (status, Some(code)));
            assert!(!error.message().contains("10.0.0.1"));
        }
    }
}
