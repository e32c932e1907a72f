//! The upstream that speaks Anthropic's protocol: where it is, what it is sent as a secret, what its models take.

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Uri};

use super::response::AnthropicDecoder;
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::pattern;
use crate::translate::base_url::{BaseUrl, InvalidConfig, secret_header};
use crate::translate::capability::claude::Capabilities;
use crate::translate::decode::Primed;
use crate::translate::dialect::{Dialect, Upstream};
use crate::translate::encode::format::JsonObject;
use crate::translate::scrub::Scrub;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// The host of Anthropic itself, which alone is known to take `system` turns between the others.
const OWN_HOST: &str = "api.anthropic.com";

/// An upstream that speaks Anthropic's protocol.
///
/// ```
/// use tower_completions::translate::Anthropic;
///
/// let claude = Anthropic::new("https://api.anthropic.com")?.key("sk-ant-…")?.default_max_tokens(16_384);
/// # Ok::<(), tower_completions::translate::InvalidConfig>(())
/// ```
#[derive(Clone, Debug)]
pub struct Anthropic {
    uri: Uri,
    is_own_host: bool,
    credentials: Option<(HeaderName, HeaderValue)>,
    beta: Option<HeaderValue>,
    scrub: Scrub,
    pub(super) default_max_tokens: Option<u64>,
    pub(super) json_object: JsonObject,
    pub(super) automatic_caching: bool,
    models: Vec<(Cow<'static, str>, Capabilities)>,
}

impl Anthropic {
    /// An upstream at this base URL; `/v1/messages` is added to it.
    ///
    /// # Errors
    /// If it is not an `http` or `https` URL without user, query and fragment, or if it ends in `/v1` already.
    pub fn new(base_url: &str) -> Result<Self, InvalidConfig> {
        if base_url.trim_end_matches('/').ends_with("/v1") {
            return Err(InvalidConfig::new("the base URL must not end in /v1, which is added to it"));
        }
        let uri = BaseUrl::new(base_url)?.join("/v1/messages")?;
        let is_own_host = uri.host().is_some_and(|host| host.eq_ignore_ascii_case(OWN_HOST));
        Ok(Self {
            uri,
            is_own_host,
            credentials: None,
            beta: None,
            scrub: Scrub::default(),
            default_max_tokens: None,
            json_object: JsonObject::default(),
            automatic_caching: false,
            models: Vec::new(),
        })
    }

    /// The API key, sent as `x-api-key`. Never the client's: that one does not travel upstream.
    ///
    /// # Errors
    /// If the key cannot stand in a header.
    pub fn key(self, key: &str) -> Result<Self, InvalidConfig> {
        let value = secret_header(key)?;
        Ok(Self { credentials: Some((API_KEY, value)), scrub: Scrub::new([key]), ..self })
    }

    /// An OAuth token, sent as `Authorization: Bearer` instead of a key.
    ///
    /// # Errors
    /// If the token cannot stand in a header.
    pub fn bearer(self, token: &str) -> Result<Self, InvalidConfig> {
        let value = secret_header(&format!("Bearer {token}"))?;
        Ok(Self { credentials: Some((AUTHORIZATION, value)), scrub: Scrub::new([token]), ..self })
    }

    /// A name for `anthropic-beta`; called again, one more.
    ///
    /// # Errors
    /// If it cannot stand in a header.
    pub fn beta(self, name: &str) -> Result<Self, InvalidConfig> {
        let all = match self.beta.as_ref().and_then(|beta| beta.to_str().ok()) {
            Some(others) => format!("{others},{name}"),
            None => name.to_owned(),
        };
        let invalid =
            InvalidConfig::new("the name for anthropic-beta has characters that cannot stand in an HTTP header");
        Ok(Self { beta: Some(HeaderValue::from_str(&all).map_err(|_| invalid)?), ..self })
    }

    /// `max_tokens` for requests that have none, which Anthropic demands; more than the model can is cut to that.
    ///
    /// The default is all that the model can, or 8192 where that is not known: what is too small would cut answers off.
    #[must_use]
    pub fn default_max_tokens(self, tokens: u64) -> Self {
        Self { default_max_tokens: Some(tokens.max(1)), ..self }
    }

    /// What to do about `response_format: {"type": "json_object"}`.
    #[must_use]
    pub fn json_object(self, json_object: JsonObject) -> Self {
        Self { json_object, ..self }
    }

    /// Whether Anthropic caches prompts by itself in which the client marks nothing (`cache_control` on the whole
    /// request), as OpenAI does without being asked. A write to the cache costs more than plain input, so this is off.
    #[must_use]
    pub fn automatic_caching(self, automatic_caching: bool) -> Self {
        Self { automatic_caching, ..self }
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
        configured.map_or_else(
            || {
                let known = Capabilities::of(model);
                known.system_turns(known.system_turns && self.is_own_host)
            },
            |(_, capabilities)| *capabilities,
        )
    }

    /// The request, and what the reader of its answer must know.
    pub(super) fn encode_request(&self, chat: &ChatRequest) -> Result<(Upstream, Primed), ApiError> {
        let encoded = self.write(chat, &self.capabilities(chat.model()))?;
        let mut upstream = Upstream::new(self.uri.clone(), encoded.body)
            .accept(chat.stream())
            .header(VERSION, HeaderValue::from_static("2023-06-01"))
            .dropped(encoded.dropped);
        if let Some(beta) = &self.beta {
            upstream = upstream.header(BETA, beta.clone());
        }
        if let Some((name, value)) = &self.credentials {
            upstream = upstream.header(name.clone(), value.clone());
        }
        Ok((upstream, encoded.primed))
    }
}

impl Dialect for Anthropic {
    const NAME: &'static str = "anthropic";
    type Decoder = AnthropicDecoder;

    fn encode(&self, chat: &ChatRequest) -> Result<(Upstream, AnthropicDecoder), ApiError> {
        let (upstream, primed) = self.encode_request(chat)?;
        Ok((upstream, AnthropicDecoder::new(primed, self.scrub.clone())))
    }
}
