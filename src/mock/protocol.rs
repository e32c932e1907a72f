//! What a mock must know about a provider's language, and what all of them share.

use std::fmt::Debug;

use bytes::Bytes;
use serde_json::Value;

use super::Recorded;

/// A provider's language, from the provider's side.
pub(super) trait Protocol: Debug + Send + Sync {
    /// Whether chats are served at this path.
    fn serves(&self, path: &str) -> bool;

    /// What the provider says of every other path.
    fn unknown(&self, path: &str) -> Refusal {
        Refusal::new(404, format!("Unknown request URL: {path} (on a mock).")).code("unknown_url")
    }

    /// Whether the answer is to be streamed.
    fn streams(&self, _path: &str, request: &Value) -> bool {
        request["stream"] == true
    }

    /// Refuses a request whose credentials are not `key`.
    fn authenticate(&self, request: &Recorded, key: &str) -> Result<(), Refusal>;

    /// Refuses a body that lacks what the provider cannot do without.
    fn check(&self, request: &Value) -> Result<(), Refusal>;

    /// What the request asks for.
    fn reply(&self, request: &Value) -> Reply;

    /// The text that the provider bills as input.
    fn prompt(&self, request: &Value) -> String;

    /// The whole answer.
    fn unary(&self, draft: &Draft<'_>) -> Value;

    /// The answer as a stream of events.
    fn stream(&self, draft: &Draft<'_>) -> Bytes;

    /// The content type of a stream.
    fn stream_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }

    /// The error object.
    fn error(&self, refusal: &Refusal, number: usize) -> Value;

    /// The name and value of the header that tells the kind of an error, if there is one.
    fn error_header(&self, _refusal: &Refusal) -> Option<(&'static str, String)> {
        None
    }

    /// The name of the header with the id of the request.
    fn id_header(&self) -> &'static str;
}

/// An error in no protocol yet.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
    pub(super) param: Option<&'static str>,
    pub(super) code: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None, code: None }
    }

    pub(super) fn param(mut self, param: &'static str) -> Self {
        self.param = Some(param);
        self
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }
}

/// What an answer says, in no protocol yet.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Text(String),
    Tool { name: String, arguments: Value },
}

impl Reply {
    /// The default text.
    pub(super) fn remark(verb: &str, words: &str) -> Self {
        Self::Text(format!("This is a mock: no model was asked. {verb}: {words}"))
    }

    /// The text that the provider bills as output.
    pub(super) fn billed(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Tool { name, arguments } => format!("{name}{arguments}"),
        }
    }
}

/// All that goes into an answer.
pub(super) struct Draft<'a> {
    /// Counts the requests of this mock, from 1.
    pub(super) number: usize,
    /// The path of the request, which may name the model.
    pub(super) path: &'a str,
    pub(super) request: &'a Value,
    pub(super) reply: Reply,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
}

impl Draft<'_> {
    /// The model that was asked for.
    pub(super) fn model(&self) -> &str {
        self.request["model"].as_str().unwrap_or("mock")
    }
}

/// The messages of a request, in either protocol.
pub(super) fn messages(request: &Value) -> &[Value] {
    request["messages"].as_array().map_or(&[], Vec::as_slice)
}

/// The text of the last message that the user wrote.
pub(super) fn last_user_text(request: &Value) -> String {
    messages(request).iter().rfind(|message| message["role"] == "user").map(text_of).unwrap_or_default()
}

/// All text in a piece of content: a string, a part, a message, or a list of these.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect(),
        Value::Object(part) => part.get("text").or_else(|| part.get("content")).map(text_of).unwrap_or_default(),
        _ => String::new(),
    }
}

/// One token for every four bytes, rounded up.
pub(super) fn tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

/// A text in the pieces that a stream sends: after each space, and after 16 characters at the latest.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ').flat_map(|word| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let cut = rest.char_indices().nth(16).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(cut);
            rest = after;
            (!piece.is_empty()).then_some(piece)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pieces_make_the_text() {
        let text = "Grüße, a_very_long_word_with_ünïcödé_in_it  end";
        assert_eq!(pieces(text).collect::<String>(), text);
        assert!(pieces(text).count() > 4 && pieces(text).all(|piece| !piece.is_empty()));
        assert_eq!(pieces("").count(), 0);
    }

    #[test]
    fn text_is_found_in_every_shape_of_content() {
        let part = json!({"type": "text", "text": "a"});
        assert_eq!(text_of(&json!("a")), "a");
        assert_eq!(text_of(&json!([part, {"type": "image"}, {"type": "tool_result", "content": [part]}])), "aa");
        let request = json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]});
        assert_eq!(last_user_text(&request), "a");
    }

    #[test]
    fn four_bytes_are_a_token() {
        assert_eq!([tokens(""), tokens("abcd"), tokens("abcde")], [0, 1, 2]);
    }
}
