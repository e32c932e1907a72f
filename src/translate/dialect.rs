//! A provider's language: how a request is said in it, and how its answers are read.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};

use crate::chat::{ChatRequest, Sink};
use crate::error::ApiError;
use crate::media_type;

/// A provider's language.
///
/// It has no client, no clock and nothing asynchronous: bytes and a request go in, bytes and verbs come out. So it can be
/// tested with files, used outside any server, and wrapped around any HTTP client. See `examples/custom_dialect.rs`.
pub trait Dialect {
    /// The provider's name where the host gives none, in OpenTelemetry's spelling (`gen_ai.provider.name`).
    const NAME: &'static str;

    /// Reads the answer to one request.
    type Decoder: Decode;

    /// Says a request in the provider's language, and makes the reader of its answer, primed with what only this
    /// request knows: whether it streams, the names of its tools, whether the client asked for usage.
    ///
    /// The same request must always give the same bytes: the providers' prompt caches depend on it.
    ///
    /// # Errors
    /// A 400 that names the field which the provider cannot express and which would change the answer's meaning.
    fn encode(&self, chat: &ChatRequest) -> Result<(Upstream, Self::Decoder), ApiError>;
}

/// A request to a provider.
#[non_exhaustive]
pub struct Upstream {
    /// Where it goes. From the configuration only, never from the client.
    pub uri: Uri,
    /// All its headers: nothing of the client's own is added.
    pub headers: HeaderMap,
    /// The body, which is JSON.
    pub body: Bytes,
    /// What was left out or changed.
    pub dropped: Dropped,
}

impl Upstream {
    /// A request with a JSON body and no other header than `content-type`.
    pub fn new(uri: Uri, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type::JSON));
        Self { uri, headers, body: body.into(), dropped: Dropped::default() }
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Accepts events as the answer to a request that streams, and JSON as that to another.
    #[must_use]
    pub fn accept(self, stream: bool) -> Self {
        let accept = if stream { media_type::EVENTS } else { media_type::JSON };
        self.header(ACCEPT, HeaderValue::from_static(accept))
    }

    /// Says what was left out or changed.
    #[must_use]
    pub fn dropped(mut self, dropped: Dropped) -> Self {
        self.dropped = dropped;
        self
    }
}

/// The body is not printed: it holds the conversation.
impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("uri", &self.uri)
            .field("headers", &self.headers)
            .field("body", &self.body.len())
            .field("dropped", &self.dropped)
            .finish()
    }
}

/// The request fields that were left out or changed, because the provider or the model cannot take them, although the
/// answer means the same without them.
///
/// They are named in the response header `x-dropped-params`, and refused by
/// [`TranslateLayer::strict`](crate::translate::TranslateLayer::strict).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped(Vec<Cow<'static, str>>);

impl Dropped {
    /// Names a field, once.
    pub fn push(&mut self, field: impl Into<Cow<'static, str>>) {
        let field = field.into();
        if !self.0.contains(&field) {
            self.0.push(field);
        }
    }

    /// The names, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|field| &**field)
    }

    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads one answer: bytes in, verbs out.
///
/// The bytes of a stream may be cut anywhere; the verbs must be the same for every cut. An error ends the answer: before
/// anything was written it becomes the response, later it is the last event of the stream.
pub trait Decode: Send + 'static {
    /// The headers of the answer, before anything else of it, for what stands nowhere else. By default they say nothing.
    fn head(&mut self, headers: &HeaderMap) {
        let _unread = headers;
    }

    /// The next bytes of a streamed answer. Calls [`Sink::end`] when the provider has said that the answer is over.
    ///
    /// # Errors
    /// What the provider reports in its stream, or 502 `upstream_error` for what cannot be read.
    fn stream(&mut self, bytes: Bytes, sink: &mut impl Sink) -> Result<(), ApiError>;

    /// The stream is over. Not called after [`Sink::end`].
    ///
    /// # Errors
    /// 502 `upstream_error` if the answer was not complete: always, unless a decoder says otherwise.
    fn end(&mut self, sink: &mut impl Sink) -> Result<(), ApiError> {
        let _no_more_verbs = sink;
        Err(ApiError::upstream_broke_off())
    }

    /// A whole answer. Also called when a stream was asked for and JSON came.
    ///
    /// # Errors
    /// 502 `upstream_error` for what is no answer.
    fn whole(&mut self, body: Bytes, sink: &mut impl Sink) -> Result<(), ApiError>;

    /// An answer with an error status; of its body at most the first 64 KiB. What the message may say to a client is
    /// decided here; the layer adds `retry-after` and its kin. By default the status alone speaks.
    fn error(&self, status: StatusCode, body: &[u8]) -> ApiError {
        let _unread = body;
        ApiError::upstream_status(status)
    }
}
