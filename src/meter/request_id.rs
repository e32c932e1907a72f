//! A name for each request, which the client is told too.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

pub(super) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long the client's own id may be, in bytes. A longer one is none.
const MAX_ID: usize = 128;

/// A request extension: the name of a request. Ours is unique; the client may have sent one of its own, which is the one
/// that it is shown.
#[derive(Clone, Debug)]
pub struct RequestId(Arc<Names>);

#[derive(Debug)]
struct Names {
    id: Arc<str>,
    client: Option<Arc<str>>,
    /// What is shown to the client: from the beginning its own name, and ours once somebody wants to see it.
    shown: OnceLock<HeaderValue>,
    /// Whether a receipt has this id.
    is_taken: AtomicBool,
}

impl RequestId {
    /// A new name for a request with these headers. An `x-request-id` counts if it is visible ASCII of at most 128 bytes.
    pub fn new(headers: &HeaderMap) -> Self {
        let id = unique();
        let client = headers.get(&X_REQUEST_ID).filter(|value| (1..=MAX_ID).contains(&value.len()));
        let text = client.and_then(|value| value.to_str().ok()).filter(|text| text.bytes().all(|byte| byte > b' '));
        let shown = client.filter(|_| text.is_some()).cloned().map_or_else(OnceLock::new, OnceLock::from);
        Self(Arc::new(Names { client: text.map(Arc::from), shown, id, is_taken: AtomicBool::new(false) }))
    }

    /// Our own name: `req_` and 32 hexadecimal digits, unique among all processes.
    pub fn id(&self) -> &Arc<str> {
        &self.0.id
    }

    /// The id of a receipt: our own name for the first one, and another for each further one of the same request.
    pub(super) fn take(&self) -> Arc<str> {
        if self.0.is_taken.swap(true, Ordering::Relaxed) { unique() } else { Arc::clone(&self.0.id) }
    }

    /// The client's own name.
    pub fn client(&self) -> Option<&Arc<str>> {
        self.0.client.as_ref()
    }

    /// What the response's `x-request-id` says: the client's, or else ours.
    pub fn header(&self) -> &HeaderValue {
        self.0.shown.get_or_init(|| self.made())
    }

    /// The same, for whoever puts it into a response.
    pub(super) fn show(&self) -> HeaderValue {
        self.0.shown.get().cloned().unwrap_or_else(|| self.made())
    }

    fn made(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0.id).unwrap_or(HeaderValue::from_static(""))
    }
}

/// 64 random bits of this process, and a number.
fn unique() -> Arc<str> {
    static PROCESS: OnceLock<[u8; 16]> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let process = PROCESS.get_or_init(|| hex(RandomState::new().hash_one(std::process::id())));
    let mut id = *b"req_0123456789abcdef0123456789abcdef";
    id[4..20].copy_from_slice(process);
    id[20..].copy_from_slice(&hex(NEXT.fetch_add(1, Ordering::Relaxed)));
    std::str::from_utf8(&id).unwrap_or_default().into()
}

fn hex(word: u64) -> [u8; 16] {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
    let mut digits = [0; 16];
    for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(word.to_be_bytes()) {
        *pair = [digit(byte >> 4), digit(byte)];
    }
    digits
}

/// Gives each request a [`RequestId`] in its extensions, and its response the header `x-request-id`.
///
/// A meter does so itself. In a stack this layer stands outside of everything, so that refusals that no meter sees have a
/// name too, and the meter's receipt is under the same one.
///
/// ```
/// # tokio_test::block_on(async {
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_completions::meter::{RequestId, RequestIdLayer};
///
/// let service = RequestIdLayer::new().layer(service_fn(async |request: Request<()>| {
///     assert_eq!(request.extensions().get::<RequestId>().unwrap().client().map(|id| &**id), Some("mine"));
///     Ok::<_, std::convert::Infallible>(Response::new(()))
/// }));
/// let response = service.oneshot(Request::get("/").header("x-request-id", "mine").body(()).unwrap()).await.unwrap();
/// assert_eq!(response.headers()["x-request-id"], "mine");
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestIdLayer(());

impl RequestIdLayer {
    /// The layer; there is nothing to set.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = SetRequestId<S>;

    fn layer(&self, inner: S) -> SetRequestId<S> {
        SetRequestId { inner }
    }
}

/// The service that [`RequestIdLayer`] makes.
#[derive(Clone, Debug)]
pub struct SetRequestId<S> {
    inner: S,
}

impl<S, B, ResB> Service<Request<B>> for SetRequestId<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = SetRequestIdFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let id = RequestId::new(request.headers());
        request.extensions_mut().insert(id.clone());
        SetRequestIdFuture { call: self.inner.call(request), id }
    }
}

pin_project! {
    /// The future of [`SetRequestId`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct SetRequestIdFuture<F> {
        #[pin]
        call: F,
        id: RequestId,
    }
}

impl<F, B, E> Future for SetRequestIdFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = this.call.poll(cx);
        if let Poll::Ready(Ok(response)) = &mut answer {
            response.headers_mut().insert(&X_REQUEST_ID, this.id.show());
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tower::limit::ConcurrencyLimitLayer;
    use tower::{ServiceExt, service_fn};

    use super::*;

    fn named(theirs: &[u8]) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(&X_REQUEST_ID, HeaderValue::from_bytes(theirs).unwrap());
        RequestId::new(&headers)
    }

    #[test]
    fn ours_are_unique_and_well_formed() {
        let (first, second) = (RequestId::new(&HeaderMap::new()), RequestId::new(&HeaderMap::new()));
        assert_ne!(first.id(), second.id());
        let digits = first.id().strip_prefix("req_").unwrap();
        assert!(digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert_eq!((first.header().to_str().unwrap(), first.client()), (&**first.id(), None));
    }

    #[test]
    fn theirs_is_shown_if_it_is_sane() {
        let sane = named(b"trace-7/\xc3".strip_suffix(b"\xc3").unwrap());
        assert_eq!((sane.client().map(|id| &**id), sane.header().as_bytes()), (Some("trace-7/"), &b"trace-7/"[..]));
        for theirs in [&b""[..], b"a b", b"\xc3\xa9", &[b'x'; 129]] {
            let named = named(theirs);
            assert_eq!((named.client(), named.header().to_str().unwrap()), (None, &**named.id()));
        }
    }

    #[test]
    fn ours_are_the_process_and_a_number() {
        let ids: Vec<_> = (0..1000).map(|_| unique()).collect();
        let processes: HashSet<_> = ids.iter().map(|id| &id[..20]).collect();
        let numbers: HashSet<_> = ids.iter().map(|id| &id[20..]).collect();
        assert_eq!((processes.len(), numbers.len()), (1, 1000));
        let process = &ids[0][4..20];
        assert!(process.bytes().collect::<HashSet<_>>().len() > 2, "{process} is random");
    }

    #[tokio::test]
    async fn it_is_ready_when_what_is_inside_is() {
        let limited = ConcurrencyLimitLayer::new(1)
            .layer(service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(()))));
        let mut service = RequestIdLayer::new().layer(limited);
        let call = service.ready().await.unwrap().call(Request::new(()));
        assert!(tokio_test::task::spawn(service.ready()).poll().is_pending());
        call.await.unwrap();
        assert!(tokio_test::task::spawn(service.ready()).poll().is_ready());
    }
}
