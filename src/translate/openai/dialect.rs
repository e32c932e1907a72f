//! The upstream that speaks OpenAI's protocol, and the little that changes in a request to it.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Uri};

use super::decoder::OpenAiDecoder;
use super::profile::Profile;
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::base_url::{BaseUrl, InvalidConfig, secret_header};
use crate::translate::dialect::{Dialect, Dropped, Upstream};
use crate::translate::scrub::Scrub;

/// An upstream that speaks OpenAI's protocol.
///
/// ```
/// use tower_completions::translate::OpenAi;
///
/// let openai = OpenAi::new("https://api.openai.com/v1")?.key("sk-…")?;
/// let ollama = OpenAi::new("http://localhost:11434/v1")?;
/// # Ok::<(), tower_completions::translate::InvalidConfig>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenAi {
    uri: Uri,
    profile: Profile,
    authorization: Option<HeaderValue>,
    scrub: Scrub,
}

impl OpenAi {
    /// An upstream at this base URL, which ends in `/v1` for most servers; `/chat/completions` is added to it, and what it has
    /// as a query stays. Where the host is that of a server that is known to differ from OpenAI's, its [`Profile`] holds.
    ///
    /// # Errors
    /// If it is not an `http` or `https` URL without user and fragment.
    pub fn new(base_url: &str) -> Result<Self, InvalidConfig> {
        let (base, query) = base_url.split_at(base_url.find('?').unwrap_or(base_url.len()));
        let uri = BaseUrl::new(base)?.join(&format!("/chat/completions{query}"))?;
        let profile = Profile::of_url(base_url);
        Ok(Self { uri, profile, authorization: None, scrub: Scrub::default() })
    }

    /// What the server takes, and says, in another way than OpenAI. [`Profile::default`] changes nothing.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// The API key, sent as `Authorization: Bearer`. Never the client's: that one does not travel upstream.
    ///
    /// # Errors
    /// If the key cannot stand in a header.
    pub fn key(mut self, key: &str) -> Result<Self, InvalidConfig> {
        self.authorization = Some(secret_header(&format!("Bearer {key}"))?);
        self.scrub = Scrub::new([key]);
        Ok(self)
    }
}

impl Dialect for OpenAi {
    const NAME: &'static str = "openai";
    type Decoder = OpenAiDecoder;

    fn encode(&self, chat: &ChatRequest) -> Result<(Upstream, OpenAiDecoder), ApiError> {
        let mut dropped = Dropped::default();
        let body = body(chat, &self.profile, &mut dropped)?;
        let upstream = Upstream::new(self.uri.clone(), body).accept(chat.stream()).dropped(dropped);
        let upstream = match &self.authorization {
            Some(authorization) => upstream.header(AUTHORIZATION, authorization.clone()),
            None => upstream,
        };
        let decoder = OpenAiDecoder::new(chat.stream(), chat.include_usage(), self.scrub.clone());
        Ok((upstream, decoder.mended(self.profile.repairs, &asked(chat))))
    }
}

/// The request for a server with this profile: the client's own bytes, but for what has to change.
pub(super) fn body(chat: &ChatRequest, profile: &Profile, dropped: &mut Dropped) -> Result<Bytes, ApiError> {
    let mut patch = profile.apply(chat, chat.patch(), dropped)?;
    if let Some(options) = usage_always(chat).filter(|_| profile.include_usage) {
        patch = patch.set("stream_options", options);
    }
    if let Some(messages) = profile.messages.apply(chat)? {
        patch = patch.set("messages", messages);
    }
    Ok(patch.finish())
}

/// What the client called the model.
pub(super) fn asked(chat: &ChatRequest) -> Cow<'_, str> {
    chat.get("model").and_then(Raw::as_str).unwrap_or_else(|| chat.model().into())
}

/// `stream_options` that ask for usage, where the client's own do not: without it nobody could be billed.
fn usage_always(chat: &ChatRequest) -> Option<String> {
    if !chat.stream() || chat.include_usage() {
        return None;
    }
    let others = chat.given("stream_options").into_iter().flat_map(Raw::fields);
    let mut options = String::from(r#"{"include_usage":true"#);
    for (name, value) in others.filter(|(name, _)| !name.eq_str("include_usage")) {
        let mut key = Vec::new();
        name.write_quoted(&mut key);
        options.push(',');
        options.push_str(&String::from_utf8_lossy(&key));
        options.push(':');
        options.push_str(value.text());
    }
    options.push('}');
    Some(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(body: &str) -> Upstream {
        let openai = OpenAi::new("http://h/v1/").unwrap().key("sk-planted").unwrap();
        openai.encode(&ChatRequest::from_bytes(body.to_owned()).unwrap()).unwrap().0
    }

    const MESSAGES: &str = r#""messages":[{"role":"user","content":"x"}]"#;

    #[test]
    fn an_unstreamed_request_is_not_touched() {
        let body = format!(r#"{{ "model":"m",{MESSAGES}, "stream_options":{{"x":1}} }}"#);
        let upstream = encode(&body);
        assert_eq!(upstream.body, body);
        assert_eq!(upstream.uri, "http://h/v1/chat/completions");
        assert_eq!(upstream.headers["authorization"], "Bearer sk-planted");
        assert_eq!(upstream.headers.len(), 3);
    }

    #[test]
    fn a_stream_always_asks_for_usage() {
        for (options, expected) in [
            ("", r#","stream_options":{"include_usage":true}"#),
            (r#","stream_options":null"#, r#","stream_options":{"include_usage":true}"#),
            (r#","stream_options":{"include_usage":true}"#, r#","stream_options":{"include_usage":true}"#),
            (
                r#","stream_options":{"a":1, "include_usage":false}"#,
                r#","stream_options":{"include_usage":true,"a":1}"#,
            ),
        ] {
            let body = |options: &str| format!(r#"{{"model":"m",{MESSAGES},"stream":true{options}}}"#);
            assert_eq!(encode(&body(options)).body, body(expected));
        }
    }

    #[test]
    fn the_query_of_the_base_url_stays() {
        let uri = |base: &str| OpenAi::new(base).map(|openai| openai.uri.to_string());
        assert_eq!(uri("http://h/v1/?a=b&c").unwrap(), "http://h/v1/chat/completions?a=b&c");
        for base in ["http://h/v1?a#b", "http://h/v1#b", "http://u:p@h/v1", "?a"] {
            assert!(uri(base).is_err(), "{base}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let openai = OpenAi::new("http://h/v1").unwrap().key("sk-planted").unwrap();
        assert!(!format!("{openai:?}").contains("planted"));
        assert!(!format!("{:?}", encode(&format!(r#"{{"model":"m",{MESSAGES}}}"#))).contains("planted"));
    }
}
