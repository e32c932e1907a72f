//! The upstream that is Bedrock: where it is, what it is sent as a secret, what its models take.

use std::borrow::Cow;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Uri};

use super::event_stream::DEFAULT_MAX_FRAME;
use super::guardrail::Guardrail;
use super::metadata;
use super::response::{BedrockDecoder, Known};
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::Raw;
use crate::media_type;
use crate::pattern;
use crate::translate::base_url::{BaseUrl, InvalidConfig, secret_header};
use crate::translate::capability::bedrock::Capabilities;
use crate::translate::decode::Primed;
use crate::translate::dialect::{Dialect, Upstream};
use crate::translate::encode::format::JsonObject;
use crate::translate::encode::segment;
use crate::translate::scrub::Scrub;

const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// The longest id of a model, which is that of an ARN.
const MAX_MODEL: usize = 2048;

/// Amazon Bedrock, or what speaks its protocol.
///
/// ```
/// use tower_completions::translate::Bedrock;
/// use tower_completions::translate::bedrock::{Capabilities, Claude, Guardrail};
///
/// let bedrock = Bedrock::in_region("us-east-1")?
///     .key("bedrock-api-key-…")?
///     .guardrail(Guardrail::new("gr-1234", "3"))
///     .model_capabilities("arn:*/my-profile", Capabilities::claude(Claude::of("claude-sonnet-4-5")));
/// # Ok::<(), tower_completions::translate::InvalidConfig>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bedrock {
    base_url: BaseUrl,
    key: Option<HeaderValue>,
    scrub: Scrub,
    max_frame: usize,
    pub(super) default_max_tokens: Option<u64>,
    pub(super) json_object: JsonObject,
    pub(super) guardrail: Option<Guardrail>,
    pub(super) latency_optimized: bool,
    pub(super) request_metadata: Vec<(String, String)>,
    pub(super) forwards_metadata: bool,
    pub(super) s3_locations: bool,
    models: Vec<(Cow<'static, str>, Capabilities)>,
}

impl Bedrock {
    /// Bedrock at this base URL, such as that of a VPC endpoint; `/model/{id}/converse` is added to it.
    ///
    /// # Errors
    /// If it is not an `http` or `https` URL without user, query and fragment.
    pub fn new(base_url: &str) -> Result<Self, InvalidConfig> {
        Ok(Self {
            base_url: BaseUrl::new(base_url)?,
            key: None,
            scrub: Scrub::default(),
            max_frame: DEFAULT_MAX_FRAME,
            default_max_tokens: None,
            json_object: JsonObject::default(),
            guardrail: None,
            latency_optimized: false,
            request_metadata: Vec::new(),
            forwards_metadata: false,
            s3_locations: false,
            models: Vec::new(),
        })
    }

    /// Bedrock's public endpoint in a region, such as `eu-central-1`.
    ///
    /// # Errors
    /// If that is no name of a region.
    pub fn in_region(region: &str) -> Result<Self, InvalidConfig> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || !region.bytes().all(is_name) {
            return Err(InvalidConfig::new("the region must be like us-east-1"));
        }
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Self::new(&format!("https://bedrock-runtime.{region}.{domain}"))
    }

    /// An API key of Bedrock's, sent as `Authorization: Bearer`. Without one, requests have to be signed: see
    /// [`SigV4Layer`](super::SigV4Layer).
    ///
    /// # Errors
    /// If the key cannot stand in a header.
    pub fn key(self, key: &str) -> Result<Self, InvalidConfig> {
        let value = secret_header(&format!("Bearer {key}"))?;
        Ok(Self { key: Some(value), scrub: Scrub::new([key]), ..self })
    }

    /// `maxTokens` for requests that have none. Without this, Bedrock's own default for the model holds.
    #[must_use]
    pub fn default_max_tokens(self, tokens: u64) -> Self {
        Self { default_max_tokens: Some(tokens.max(1)), ..self }
    }

    /// What to do about `response_format: {"type": "json_object"}`.
    #[must_use]
    pub fn json_object(self, json_object: JsonObject) -> Self {
        Self { json_object, ..self }
    }

    /// A guardrail for every request. A client cannot take it away.
    #[must_use]
    pub fn guardrail(self, guardrail: Guardrail) -> Self {
        Self { guardrail: Some(guardrail), ..self }
    }

    /// Whether every request asks for [optimised
    /// latency](https://docs.aws.amazon.com/bedrock/latest/userguide/latency-optimized-inference.html), which few models
    /// have, and which costs more.
    #[must_use]
    pub fn latency_optimized(self, latency_optimized: bool) -> Self {
        Self { latency_optimized, ..self }
    }

    /// A pair for `requestMetadata`, which AWS writes into the log of invocations; called again, one more.
    ///
    /// # Errors
    /// If key or value are longer than 256 characters or hold others than letters, digits, spaces and `:_@$#=/+,-.`, or
    /// if there are 16 pairs already.
    pub fn request_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Result<Self, InvalidConfig> {
        let (key, value) = (key.into(), value.into());
        if !metadata::fits(&key, &value) || self.request_metadata.len() == metadata::MAX_PAIRS {
            let reason = "a pair of request metadata has at most 256 letters, digits, spaces and :_@$#=/+,-. on each side, and there are at most 16";
            return Err(InvalidConfig::new(reason));
        }
        self.request_metadata.push((key, value));
        Ok(self)
    }

    /// Whether the client's `metadata` is added to that. By default it stays here.
    #[must_use]
    pub fn forward_metadata(self, forwards_metadata: bool) -> Self {
        Self { forwards_metadata, ..self }
    }

    /// Whether clients may name images by `s3://` URLs, which Bedrock reads *with the rights of the host*. Off by default.
    #[must_use]
    pub fn s3_locations(self, s3_locations: bool) -> Self {
        Self { s3_locations, ..self }
    }

    /// How large one frame of a stream may be, in bytes: 8 MiB by default. A larger one is 502
    /// `upstream_response_too_large`.
    #[must_use]
    pub fn max_frame(self, bytes: usize) -> Self {
        Self { max_frame: bytes, ..self }
    }

    /// What the models take whose id, as it is sent to this upstream, matches a pattern, in which `*` stands for any
    /// text, as in a [`ModelFilter`](crate::ModelFilter). Of two that match, the later one holds; without any, [`Capabilities::of`] does.
    #[must_use]
    pub fn model_capabilities(mut self, pattern: impl Into<Cow<'static, str>>, capabilities: Capabilities) -> Self {
        self.models.push((pattern.into(), capabilities));
        self
    }

    pub(super) fn capabilities(&self, model: &str) -> Capabilities {
        let configured = self.models.iter().rev().find(|(pattern, _)| pattern::matches(pattern, model));
        configured.map_or_else(|| Capabilities::of(model), |(_, capabilities)| *capabilities)
    }

    /// Where a model is asked. Its id is one segment of the path: an ARN's own slashes must not divide it.
    fn uri(&self, model: &str, stream: bool) -> Result<Uri, ApiError> {
        // Dots are names of other places in a path, however they are written.
        if model.is_empty() || matches!(model, "." | "..") || model.len() > MAX_MODEL {
            return Err(ApiError::model_not_found(model));
        }
        let operation = if stream { "converse-stream" } else { "converse" };
        let path = format!("/model/{}/{operation}", segment(model));
        self.base_url.join(&path).map_err(|_| ApiError::internal())
    }

    /// The request, and what the reader of its answer must know.
    pub(super) fn encode_request(&self, chat: &ChatRequest) -> Result<(Upstream, Primed), ApiError> {
        let uri = self.uri(chat.model(), chat.stream())?;
        let encoded = self.write(chat, &self.capabilities(chat.model()))?;
        let accept = if chat.stream() { EVENT_STREAM } else { media_type::JSON };
        let mut upstream =
            Upstream::new(uri, encoded.body).header(ACCEPT, HeaderValue::from_static(accept)).dropped(encoded.dropped);
        if let Some(key) = &self.key {
            upstream = upstream.header(AUTHORIZATION, key.clone());
        }
        Ok((upstream, encoded.primed))
    }
}

impl Dialect for Bedrock {
    const NAME: &'static str = "aws.bedrock";
    type Decoder = BedrockDecoder;

    fn encode(&self, chat: &ChatRequest) -> Result<(Upstream, BedrockDecoder), ApiError> {
        let (upstream, primed) = self.encode_request(chat)?;
        let is_claude = self.capabilities(chat.model()).as_claude().is_some();
        let known = Known { primed, model: &shown(chat), is_claude };
        Ok((upstream, BedrockDecoder::new(known, self.max_frame, self.scrub.clone())))
    }
}

/// What the answer calls the model, of which Bedrock says nothing. An ARN tells the number of the host's account, so the
/// client sees its own word in place of one.
fn shown(chat: &ChatRequest) -> Cow<'_, str> {
    let model = chat.model();
    let asked = chat.given("model").filter(|_| model.starts_with("arn:")).and_then(Raw::as_str);
    asked.unwrap_or(Cow::Borrowed(model))
}
