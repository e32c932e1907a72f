//! Who answered, for the layers outside, for the client, and in the list of what was tried.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use http_body::Body;

use crate::error::{ApiError, BoxError, FailureClass};
use crate::usage::{Attempts, Served, UsageCell};

/// Who serves what no provider does.
const IN_PROCESS: &str = "in-process";

const SERVED_MODEL: HeaderName = HeaderName::from_static("x-served-model");
const SERVED_PROVIDER: HeaderName = HeaderName::from_static("x-served-provider");
const SERVED_ATTEMPTS: HeaderName = HeaderName::from_static("x-served-attempts");

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
    let served = response.extensions().get::<Served>().filter(|_| is_success);
    let (model, provider) = served.map_or((None, None), |served| (shown(&served.model), shown(&served.provider)));
    let attempts = (attempts > 0).then(|| attempts.into());
    for (name, value) in [(SERVED_MODEL, model), (SERVED_PROVIDER, provider), (SERVED_ATTEMPTS, attempts)] {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
}

/// A name as a header, unless clients would not read it as it was meant.
fn shown(name: &str) -> Option<HeaderValue> {
    name.is_ascii().then(|| HeaderValue::from_str(name).ok())?
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
