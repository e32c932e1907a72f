//! Azure OpenAI: OpenAI's protocol at other places, with another header, and with a filter that says more.

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Uri};

use super::decoder::OpenAiDecoder;
use super::dialect::{asked, body};
use super::profile::{Profile, Rule};
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::translate::base_url::{BaseUrl, InvalidConfig, secret_header};
use crate::translate::dialect::{Dialect, Dropped, Upstream};
use crate::translate::encode::segment;
use crate::translate::scrub::Scrub;

const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The version for deployments where the host names none: a stable one.
const API_VERSION: &str = "2024-10-21";

/// Azure OpenAI, whose models are deployments: the model's name for this upstream is the deployment's.
///
/// ```
/// use tower_completions::translate::Azure;
///
/// let v1 = Azure::new("https://my-resource.openai.azure.com/openai/v1")?.key("a-key")?;
/// let classic = Azure::new("https://my-resource.openai.azure.com")?.api_version("2024-10-21").key("a-key")?;
/// # Ok::<(), tower_completions::translate::InvalidConfig>(())
/// ```
#[derive(Clone, Debug)]
pub struct Azure {
    base_url: BaseUrl,
    is_v1: bool,
    /// The parameters of the base URL.
    query: String,
    api_version: Option<String>,
    credentials: Option<(HeaderName, HeaderValue)>,
    scrub: Scrub,
    profile: Profile,
}

impl Azure {
    /// An upstream at this endpoint. One that ends in `/openai/v1` is the newer surface, to which `/chat/completions` is
    /// added; otherwise `/openai/deployments/DEPLOYMENT/chat/completions` is, with an `api-version`. What the URL has as a
    /// query stays.
    ///
    /// # Errors
    /// If it is not an `http` or `https` URL without user and fragment.
    pub fn new(base_url: &str) -> Result<Self, InvalidConfig> {
        let (base, query) = base_url.split_once('?').unwrap_or((base_url, ""));
        let base = base.trim_end_matches('/');
        let is_v1 = base.ends_with("/openai/v1");
        let root = if is_v1 { base } else { base.strip_suffix("/openai").unwrap_or(base) };
        if query.contains('#') {
            return Err(InvalidConfig::new("the base URL must have no fragment"));
        }
        Ok(Self {
            base_url: BaseUrl::new(root)?,
            is_v1,
            query: query.to_owned(),
            api_version: None,
            credentials: None,
            scrub: Scrub::default(),
            profile: Profile::azure(),
        })
    }

    /// The version of the API, such as `2024-10-21`. The newer surface needs none; for deployments that one is the default.
    #[must_use]
    pub fn api_version(self, version: impl Into<String>) -> Self {
        Self { api_version: Some(version.into()), ..self }
    }

    /// The resource's key, sent as `api-key`. Never the client's: that one does not travel upstream.
    ///
    /// # Errors
    /// If the key cannot stand in a header.
    pub fn key(self, key: &str) -> Result<Self, InvalidConfig> {
        let value = secret_header(key)?;
        Ok(Self { credentials: Some((API_KEY, value)), scrub: Scrub::new([key]), ..self })
    }

    /// A token of Entra ID, sent as `Authorization: Bearer` instead of a key. It expires: whoever embeds this makes a new
    /// dialect with each token, or sets the header in a layer between this and the HTTP client.
    ///
    /// # Errors
    /// If the token cannot stand in a header.
    pub fn bearer(self, token: &str) -> Result<Self, InvalidConfig> {
        let value = secret_header(&format!("Bearer {token}"))?;
        Ok(Self { credentials: Some((AUTHORIZATION, value)), scrub: Scrub::new([token]), ..self })
    }

    /// Whether a stream is asked for its usage, which versions before 2024-09 refuse. Without it, streams cannot be billed
    /// exactly.
    #[must_use]
    pub fn include_usage(mut self, include_usage: bool) -> Self {
        self.profile = self.profile.include_usage(include_usage);
        self
    }

    /// Whether the role `developer` is known; models of others on Azure do not know it. The default is yes.
    #[must_use]
    pub fn developer_role(mut self, known: bool) -> Self {
        self.profile = self.profile.developer_role(known);
        self
    }

    /// Whether reasoning that nobody signed goes back (`reasoning_content`), which models of others on Azure may want. The
    /// default is no: OpenAI's refuse it.
    #[must_use]
    pub fn replay_reasoning(mut self, replays: bool) -> Self {
        self.profile = self.profile.replay_reasoning(replays);
        self
    }

    /// What becomes of a top-level field of the request.
    #[must_use]
    pub fn rule(mut self, field: &'static str, rule: Rule) -> Self {
        self.profile = self.profile.rule(field, rule);
        self
    }

    fn uri(&self, deployment: &str) -> Result<Uri, ApiError> {
        let unknown = || ApiError::model_not_found(deployment);
        // Dots are names of other places in a path, however they are written.
        if deployment.is_empty() || matches!(deployment, "." | "..") {
            return Err(unknown());
        }
        let mut path = if self.is_v1 {
            "/chat/completions".to_owned()
        } else {
            format!("/openai/deployments/{}/chat/completions", segment(deployment))
        };
        let has_version = self.query.split('&').any(|parameter| parameter.starts_with("api-version="));
        let version = self.api_version.as_deref().or((!self.is_v1).then_some(API_VERSION)).filter(|_| !has_version);
        let version = version.map(|version| format!("api-version={}", segment(version)));
        let parameters = [Some(self.query.clone()).filter(|query| !query.is_empty()), version];
        for (at, parameter) in parameters.into_iter().flatten().enumerate() {
            path.push(if at == 0 { '?' } else { '&' });
            path.push_str(&parameter);
        }
        self.base_url.join(&path).map_err(|_| unknown())
    }
}

impl Dialect for Azure {
    const NAME: &'static str = "azure.ai.openai";
    type Decoder = OpenAiDecoder;

    fn encode(&self, chat: &ChatRequest) -> Result<(Upstream, OpenAiDecoder), ApiError> {
        let mut dropped = Dropped::default();
        let body = body(chat, &self.profile, &mut dropped)?;
        let mut upstream = Upstream::new(self.uri(chat.model())?, body).accept(chat.stream()).dropped(dropped);
        if let Some((name, value)) = &self.credentials {
            upstream = upstream.header(name.clone(), value.clone());
        }
        let decoder = OpenAiDecoder::new(chat.stream(), chat.include_usage(), self.scrub.clone());
        Ok((upstream, decoder.mended(self.profile.repairs, &asked(chat))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(azure: &Azure, body: &str) -> Upstream {
        azure.encode(&ChatRequest::from_bytes(body.to_owned()).unwrap()).unwrap().0
    }

    const HI: &str = r#"{"model":"my-dep","messages":[{"role":"user","content":"x"}]}"#;

    #[test]
    fn both_surfaces_and_their_queries() {
        for (base, version, expected) in [
            ("http://h:1", None, "/openai/deployments/my-dep/chat/completions?api-version=2024-10-21"),
            ("http://h:1/openai/", Some("x y"), "/openai/deployments/my-dep/chat/completions?api-version=x%20y"),
            (
                "http://h:1/?api-version=1&a=b",
                Some("2"),
                "/openai/deployments/my-dep/chat/completions?api-version=1&a=b",
            ),
            ("http://h:1?a=b", None, "/openai/deployments/my-dep/chat/completions?a=b&api-version=2024-10-21"),
            ("http://h:1/openai/v1", None, "/openai/v1/chat/completions"),
            ("http://h:1/openai/v1/?api-version=preview", None, "/openai/v1/chat/completions?api-version=preview"),
            ("http://h:1/openai/v1", Some("v1"), "/openai/v1/chat/completions?api-version=v1"),
        ] {
            let mut azure = Azure::new(base).unwrap();
            if let Some(version) = version {
                azure = azure.api_version(version);
            }
            assert_eq!(encode(&azure, HI).uri.path_and_query().unwrap(), expected, "{base}");
        }
        for base in ["", "h", "https://u:p@h", "https://h?a#b", "https://h#x"] {
            assert!(Azure::new(base).is_err(), "{base}");
        }
    }

    #[test]
    fn a_deployment_is_one_segment_of_the_path() {
        let azure = Azure::new("http://h").unwrap();
        let path = |model: &str| azure.uri(model).map(|uri| uri.path().to_owned());
        assert_eq!(path("a/../b?c").unwrap(), "/openai/deployments/a%2F..%2Fb%3Fc/chat/completions");
        assert!(path("..").is_err() && path(".").is_err() && path("").is_err());
    }

    #[test]
    fn one_header_holds_the_credentials_and_nothing_shows_them() {
        let key = Azure::new("http://h").unwrap().key("planted").unwrap();
        let upstream = encode(&key, HI);
        assert_eq!(upstream.headers["api-key"], "planted");
        assert!(!upstream.headers.contains_key("authorization"));
        assert!(!format!("{key:?} {upstream:?}").contains("planted"));
        let bearer = encode(&Azure::new("http://h").unwrap().bearer("t").unwrap(), HI);
        assert_eq!(bearer.headers["authorization"], "Bearer t");
        assert!(!bearer.headers.contains_key("api-key"));
    }

    #[test]
    fn nulls_and_what_steers_gateways_leave() {
        let azure = Azure::new("http://h").unwrap().rule("store", Rule::LeaveOut).developer_role(false);
        let said = r#"{"model":"d","messages":[{"role":"assistant","content":"a","reasoning_content":"t"}]}"#;
        assert!(!encode(&azure, said).body.windows(9).any(|word| word == b"reasoning"));
        assert_eq!(encode(&azure.clone().replay_reasoning(true), said).body, said);
        let long = "x".repeat(41);
        let result = format!(r#"{{"role":"tool","tool_call_id":"{long}","content":"x"}}"#);
        let sent = encode(&azure, &format!(r#"{{"model":"d","messages":[{result}]}}"#)).body;
        assert!(!std::str::from_utf8(&sent).unwrap().contains(&long));
        let body = r#"{"model":"d","user":null,"extra_body":{},"store":true,"data_sources":[1],"messages":[{"role":"developer","content":"x"}]}"#;
        let upstream = encode(&azure, body);
        let expected = r#"{"model":"d","data_sources":[1],"messages":[{"role":"system","content":"x"}]}"#;
        assert_eq!(upstream.body, expected);
        assert!(upstream.dropped.iter().eq(["extra_body", "store"]));
        let quiet = Azure::new("http://h").unwrap().include_usage(false);
        let stream = HI.replace("\"model\"", "\"stream\":true,\"model\"");
        assert_eq!(encode(&quiet, &stream).body, stream);
    }
}
