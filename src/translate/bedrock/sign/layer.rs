use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower_layer::Layer;

use super::rotation::Rotation;
use super::signer::Signer;
use super::{CredentialSource, SigV4};
use crate::clock::{Clock, WallClock};
use crate::error::ApiError;
use crate::translate::InvalidConfig;

/// Signs each request to Amazon Bedrock with AWS Signature Version 4 and the credentials of its [`CredentialSource`].
///
/// Its place is between the [`TranslateLayer`](crate::TranslateLayer) and the HTTP client, below whatever repeats a request: a
/// signature is of its minute, so each attempt gets its own, in place of an earlier one. Nothing below it may change the URL,
/// the body, or a header that is signed: `host`, `content-type`, and those that begin with `x-amz`. With a Bedrock API key
/// there is nothing to sign, and the layer is left out.
///
/// ```
/// # tokio_test::block_on(async {
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_completions::BoxError;
/// use tower_completions::translate::bedrock::{Credentials, SigV4Layer};
///
/// let client = service_fn(async |request: Request<Full<Bytes>>| {
///     let authorization = request.headers()["authorization"].to_str()?;
///     assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"));
///     assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-date"));
///     Ok::<_, BoxError>(Response::new(Full::new(Bytes::new())))
/// });
/// let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG")?;
/// let client = SigV4Layer::new("us-east-1", credentials)?.layer(client);
///
/// let request = Request::post("https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse")
///     .header("content-type", "application/json")
///     .body(Full::from(r#"{"messages": [{"role": "user", "content": [{"text": "Good morning"}]}]}"#))?;
/// client.oneshot(request).await?;
/// # Ok::<(), BoxError>(()) }).unwrap();
/// ```
pub struct SigV4Layer<K> {
    signing: Signing<K>,
}

impl<K> SigV4Layer<K> {
    /// Signs for this region, which has to be the one in the host's name, or that of the proxy's endpoint.
    ///
    /// # Errors
    /// If the region can be none.
    pub fn new(region: &str, credentials: K) -> Result<Self, InvalidConfig> {
        let signer = Arc::new(Signer::new(region)?);
        let rotation = Arc::new(Rotation::new(credentials));
        Ok(Self { signing: Signing { signer, rotation, clock: Arc::new(WallClock) } })
    }

    /// Where the time comes from, for tests: the machine's [`WallClock`] by default. Amazon refuses a signature whose time
    /// is more than five minutes from its own.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.signing.clock = Arc::new(clock);
        self
    }
}

impl<S, K> Layer<S> for SigV4Layer<K> {
    type Service = SigV4<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        SigV4::new(inner, self.signing.clone())
    }
}

impl<K> Clone for SigV4Layer<K> {
    fn clone(&self) -> Self {
        Self { signing: self.signing.clone() }
    }
}

impl<K> fmt::Debug for SigV4Layer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigV4Layer").field("region", &self.signing.region()).finish_non_exhaustive()
    }
}

/// All that signing needs. Clones share the credentials and the key of the day.
pub(super) struct Signing<K> {
    signer: Arc<Signer>,
    rotation: Arc<Rotation<K>>,
    clock: Arc<dyn Clock>,
}

impl<K> Signing<K> {
    pub(super) fn region(&self) -> &str {
        self.signer.region()
    }
}

impl<K: CredentialSource> Signing<K> {
    /// The request with its signature.
    pub(super) async fn sign(self, request: Request<Full<Bytes>>) -> Result<Request<Full<Bytes>>, ApiError> {
        let credentials = self.rotation.at(self.clock.now()).await?;
        let (mut parts, body) = request.into_parts();
        let Ok(body) = body.collect().await;
        let body = body.to_bytes();
        // The source may have taken its time.
        self.signer.sign(&mut parts, &body, &credentials, self.clock.now())?;
        Ok(Request::from_parts(parts, Full::new(body)))
    }
}

impl<K> Clone for Signing<K> {
    fn clone(&self) -> Self {
        Self { signer: self.signer.clone(), rotation: self.rotation.clone(), clock: self.clock.clone() }
    }
}
