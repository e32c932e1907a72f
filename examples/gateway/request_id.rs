//! A name for each request, which the client is told too.

use std::hash::{BuildHasher, RandomState};

use http::{HeaderValue, Request};
use tower_http::request_id::{MakeRequestId, RequestId};

/// Makes `req_` and 32 random hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomId;

impl MakeRequestId for RandomId {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        // Each `RandomState` is seeded anew; no two hash alike.
        let random = || RandomState::new().hash_one(0_u8);
        HeaderValue::from_str(&format!("req_{:016x}{:016x}", random(), random())).ok().map(RequestId::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_and_well_formed() {
        let id = || RandomId.make_request_id(&Request::new(())).unwrap().into_header_value();
        let (first, second) = (id(), id());
        assert_ne!(first, second);
        let digits = first.to_str().unwrap().strip_prefix("req_").unwrap();
        assert!(digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
}
