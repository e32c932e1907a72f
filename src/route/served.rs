//! Who answered, for the layers outside, for the client, and in the list of what was tried.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::Body;

use crate::error::{ApiError, BoxError, FailureClass};
use crate::usage::{Attempts, Served, UsageCell};

/// Who serves what no provider does.
const IN_PROCESS: &str = "in-process";

/// Says who served: in the extension for the layers outside, in headers for the client. An answer that nobody served,
/// because it was refused on the way, names nobody.
pub(super) fn name_server(response: &mut Response<impl Body<Data = Bytes>>, model: &Arc<str>, attempts: u32) {
    let is_success = response.status().is_success();
    if let Some(served) = response.extensions_mut().get_mut::<Served>() {
        served.model = model.clone();
        served.attempts = attempts.max(1);
    } else if is_success {
        let served = Served { attempts: attempts.max(1), ..Served::new(IN_PROCESS, model.clone()) };
        response.extensions_mut().insert(served);
    }
    if let Some(served) = response.extensions().get::<Served>().filter(|_| is_success).cloned() {
        let headers = response.headers_mut();
        set(headers, HeaderName::from_static("x-served-model"), &served.model);
        set(headers, HeaderName::from_static("x-served-provider"), &served.provider);
    }
    if attempts > 0 {
        response.headers_mut().insert(HeaderName::from_static("x-served-attempts"), attempts.into());
    }
}

/// Sets a header, unless the value is one that clients would not read as it was meant.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value)
        && value.to_str().is_ok()
    {
        headers.insert(name, value);
    }
}

/// Writes down what a service of the host's own does not: that it was asked, if it was, and how that failed.
///
/// `begun` is how many attempts there were before it was called.
pub(super) fn note<B>(result: &Result<Response<B>, BoxError>, attempts: &Attempts, begun: u32) {
    let is_noted = attempts.count() != begun;
    match result {
        Ok(response) if !is_noted => {
            let class = FailureClass::of(response);
            // Whoever says why nothing came of it has said all there is: a dialect or a layer of ours, which asked nobody.
            let is_refusal =
                class == Some(FailureClass::Request) || response.extensions().get::<FailureClass>().is_some();
            if class.is_some() && is_refusal {
                return;
            }
            let cell = response.extensions().get::<UsageCell>().cloned().unwrap_or_default();
            let at = attempts.begin(IN_PROCESS, "", cell);
            attempts.answered(at, response.status());
            if class.is_some() {
                attempts.failed(&ApiError::upstream_status(response.status()));
            }
        }
        Ok(_) => {}
        Err(error) => {
            if !is_noted {
                if FailureClass::of_error(&**error) == FailureClass::Shed {
                    return;
                }
                attempts.begin(IN_PROCESS, "", UsageCell::new());
            }
            attempts.failed(&ApiError::from_error(&**error));
        }
    }
}
