//! The upstream that speaks OpenAI's protocol, and the little that changes in a request to it.

use http::header::AUTHORIZATION;
use http::{HeaderValue, Uri};

use super::decoder::OpenAiDecoder;
use super::foreign;
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::base_url::{BaseUrl, InvalidConfig, secret_header};
use crate::translate::dialect::{Dialect, Upstream};
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
    /// Whether the server hands on what others have signed.
    hands_on: bool,
    authorization: Option<HeaderValue>,
    scrub: Scrub,
}

/// The host that takes Claude's and Gemini's signatures and hands them on.
const OPEN_ROUTER: &str = "openrouter.ai";

impl OpenAi {
    /// An upstream at this base URL, which ends in `/v1` for most servers; `/chat/completions` is added to it.
    ///
    /// # Errors
    /// If it is not an `http` or `https` URL without user, query and fragment.
    pub fn new(base_url: &str) -> Result<Self, InvalidConfig> {
        let uri = BaseUrl::new(base_url)?.join("/chat/completions")?;
        let hands_on = uri.host().is_some_and(|host| host.eq_ignore_ascii_case(OPEN_ROUTER));
        Ok(Self { uri, hands_on, authorization: None, scrub: Scrub::default() })
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
        let patch = chat.patch();
        let patch = match usage_always(chat) {
            Some(options) => patch.set("stream_options", options),
            None => patch,
        };
        let cleaned = if self.hands_on { None } else { foreign::without(chat)? };
        let patch = match cleaned {
            Some(messages) => patch.set("messages", messages),
            None => patch,
        };
        let upstream = Upstream::new(self.uri.clone(), patch.finish()).accept(chat.stream());
        let upstream = match &self.authorization {
            Some(authorization) => upstream.header(AUTHORIZATION, authorization.clone()),
            None => upstream,
        };
        Ok((upstream, OpenAiDecoder::new(chat.stream(), chat.include_usage(), self.scrub.clone())))
    }
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
    fn debug_shows_no_key() {
        let openai = OpenAi::new("http://h/v1").unwrap().key("sk-planted").unwrap();
        assert!(!format!("{openai:?}").contains("planted"));
        assert!(!format!("{:?}", encode(&format!(r#"{{"model":"m",{MESSAGES}}}"#))).contains("planted"));
    }
}
