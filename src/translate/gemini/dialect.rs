//! The upstream that speaks Gemini's protocol: where it is, what it is sent as a secret, what its models take.

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Uri};

use super::response::GeminiDecoder;
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::write_str;
use crate::pattern;
use crate::translate::base_url::{BaseUrl, InvalidConfig, secret_header};
use crate::translate::capability::gemini::Capabilities;
use crate::translate::decode::Primed;
use crate::translate::dialect::{Dialect, Upstream};
use crate::translate::encode::segment;
use crate::translate::scrub::Scrub;

const API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// An upstream that speaks Gemini's protocol.
///
/// ```
/// use tower_completions::translate::Gemini;
///
/// let gemini = Gemini::new("https://generativelanguage.googleapis.com")?.key("AIza…")?;
/// # Ok::<(), tower_completions::translate::InvalidConfig>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gemini {
    root: BaseUrl,
    credentials: Option<(HeaderName, HeaderValue)>,
    scrub: Scrub,
    pub(super) safety: Vec<u8>,
    pub(super) include_thoughts: bool,
    pub(super) public_urls: bool,
    models: Vec<(Cow<'static, str>, Capabilities)>,
}

impl Gemini {
    /// An upstream at this base URL; `/v1beta/models/MODEL:generateContent` is added to it.
    ///
    /// # Errors
    /// If it is not an `http` or `https` URL without user, query and fragment, or if it ends in a version already.
    pub fn new(base_url: &str) -> Result<Self, InvalidConfig> {
        let base_url = base_url.trim_end_matches('/');
        if base_url.ends_with("/v1beta") || base_url.ends_with("/v1") {
            return Err(InvalidConfig::new("the base URL must not end in /v1beta or /v1: /v1beta is added to it"));
        }
        Self::at(&format!("{base_url}/v1beta"))
    }

    /// An upstream whose models stand at another place than under `/v1beta`; `/models/MODEL:generateContent` is added to
    /// it. For [Vertex AI](https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference) that is
    /// `https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/publishers/google`.
    ///
    /// # Errors
    /// If it is not an `http` or `https` URL without user, query and fragment.
    pub fn at(root: &str) -> Result<Self, InvalidConfig> {
        Ok(Self {
            root: BaseUrl::new(root)?,
            credentials: None,
            scrub: Scrub::default(),
            safety: Vec::new(),
            include_thoughts: true,
            public_urls: false,
            models: Vec::new(),
        })
    }

    /// The API key, sent as `x-goog-api-key` and never in the URL. Never the client's: that one does not travel upstream.
    ///
    /// # Errors
    /// If the key cannot stand in a header.
    pub fn key(self, key: &str) -> Result<Self, InvalidConfig> {
        let value = secret_header(key)?;
        Ok(Self { credentials: Some((API_KEY, value)), scrub: Scrub::new([key]), ..self })
    }

    /// An OAuth token, sent as `Authorization: Bearer` instead of a key, as Vertex AI wants it.
    ///
    /// # Errors
    /// If the token cannot stand in a header.
    pub fn bearer(self, token: &str) -> Result<Self, InvalidConfig> {
        let value = secret_header(&format!("Bearer {token}"))?;
        Ok(Self { credentials: Some((AUTHORIZATION, value)), scrub: Scrub::new([token]), ..self })
    }

    /// A row of `safetySettings`, for every request: `safety("HARM_CATEGORY_HARASSMENT", "BLOCK_ONLY_HIGH")`. Clients
    /// cannot say it. The names are those of the
    /// [API](https://ai.google.dev/api/generate-content#v1beta.SafetySetting).
    #[must_use]
    pub fn safety(mut self, category: &str, threshold: &str) -> Self {
        self.safety.push(if self.safety.is_empty() { b'[' } else { b',' });
        self.safety.extend_from_slice(br#"{"category":"#);
        write_str(&mut self.safety, category);
        self.safety.extend_from_slice(br#","threshold":"#);
        write_str(&mut self.safety, threshold);
        self.safety.push(b'}');
        self
    }

    /// Whether a request with a `reasoning_effort` also asks for summaries of the thoughts, which become
    /// `reasoning_content`. The default is yes.
    #[must_use]
    pub fn include_thoughts(self, include_thoughts: bool) -> Self {
        Self { include_thoughts, ..self }
    }

    /// Whether any `https:` URL of an image is handed on for Google to fetch, and not only those of Google's own stores
    /// and of YouTube. The default is no: older models refuse it. Nothing is ever fetched here.
    #[must_use]
    pub fn public_urls(self, public_urls: bool) -> Self {
        Self { public_urls, ..self }
    }

    /// What the models take whose id, as it is sent to this upstream, matches a pattern, in which `*` stands for any
    /// text, as in a [`ModelFilter`](crate::ModelFilter). Of two that match, the later one holds; without any,
    /// [`Capabilities::of`] does.
    #[must_use]
    pub fn model_capabilities(mut self, pattern: impl Into<Cow<'static, str>>, capabilities: Capabilities) -> Self {
        self.models.push((pattern.into(), capabilities));
        self
    }

    pub(super) fn capabilities(&self, model: &str) -> Capabilities {
        let configured = self.models.iter().rev().find(|(pattern, _)| pattern::matches(pattern, model));
        configured.map_or_else(|| Capabilities::of(model), |(_, capabilities)| *capabilities)
    }

    /// The request, and what the reader of its answer must know.
    pub(super) fn encode_request(&self, chat: &ChatRequest) -> Result<(Upstream, Primed), ApiError> {
        let encoded = self.write(chat, &self.capabilities(chat.model()))?;
        let mut upstream = Upstream::new(self.uri(chat)?, encoded.body).accept(chat.stream()).dropped(encoded.dropped);
        if let Some((name, value)) = &self.credentials {
            upstream = upstream.header(name.clone(), value.clone());
        }
        Ok((upstream, encoded.primed))
    }

    /// Models stand under `models/`, tuned ones under `tunedModels/`; a name may bring that along.
    fn uri(&self, chat: &ChatRequest) -> Result<Uri, ApiError> {
        let model = chat.model();
        let (folder, name) = match model.strip_prefix("tunedModels/") {
            Some(tuned) => ("tunedModels", tuned),
            None => ("models", model.strip_prefix("models/").unwrap_or(model)),
        };
        let verb = if chat.stream() { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let path = format!("/{folder}/{}:{verb}", segment(name));
        self.root.join(&path).map_err(|_| ApiError::model_not_found(model))
    }
}

impl Dialect for Gemini {
    const NAME: &'static str = "gcp.gemini";
    type Decoder = GeminiDecoder;

    fn encode(&self, chat: &ChatRequest) -> Result<(Upstream, GeminiDecoder), ApiError> {
        let (upstream, primed) = self.encode_request(chat)?;
        Ok((upstream, GeminiDecoder::new(primed, self.scrub.clone())))
    }
}
